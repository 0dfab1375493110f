"""Signals: many rows with little in each, kept as Parquet by local day; the warehouse holds their hourly sums."""
