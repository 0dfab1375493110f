"""Jobs of the command line and of Airflow: train, forecast, score, backtest."""
