"""Faults that the simulated servers can be told to show."""
