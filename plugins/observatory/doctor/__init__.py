"""The doctor: what a city's file says, asked of its sources one by one, before anything is loaded."""
