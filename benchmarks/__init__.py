"""What is measured: ratios to something public in the same run, never a timed test."""
