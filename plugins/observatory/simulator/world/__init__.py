"""The simulated city as it is: places, people, incidents, traffic, weather. Its records are in ``records``."""
