"""The simulated city: streets, people, incidents, traffic, weather."""
