"""``make run``: from nothing to today's forecast of a city."""
