"""How good a forecast is: metrics, backtests, calibration, the challenge's rules."""
