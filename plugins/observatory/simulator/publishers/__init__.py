"""What each service of the simulated city publishes, by feed."""
