"""The observatory: a city's records brought together, checked, and made ready to analyse and forecast."""
