"""A city in files: incidents, places, context, settings, forecasts."""
