"""All that a city's file may say."""
