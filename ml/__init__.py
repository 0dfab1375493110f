"""Daily place-based forecasts: panel, models, baselines, metrics, backtest. A library that needs no scheduler."""

import os

# threads that spin while they wait for each other cost 20 times more on a machine with other work; read by OpenMP when
# LightGBM is first imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
