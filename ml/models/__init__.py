"""Methods with ``fit`` and ``predict``: ours, the baselines, the published peers."""
