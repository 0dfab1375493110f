"""Daily place-based forecasts: panel, model, baselines, measure, backtest. A library that needs no scheduler."""
