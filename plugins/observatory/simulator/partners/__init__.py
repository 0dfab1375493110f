"""Partners of the simulated city that send or host their records."""
