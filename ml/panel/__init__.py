"""Counts of cells by day, what was known when, and whether a city may be forecast."""
