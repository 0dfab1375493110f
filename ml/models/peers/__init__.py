"""Published peers: maps of risk that others draw, with settings chosen on the days before the forecast."""
