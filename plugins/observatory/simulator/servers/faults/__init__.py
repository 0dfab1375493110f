"""Faults that simulated servers can show."""
