"""Pages and pictures of a backtest and of a forecast."""
