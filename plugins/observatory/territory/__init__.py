"""Territory files: the settings of a city and of its feeds."""
