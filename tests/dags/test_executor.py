"""The executor's workers are forked from a process that has imported what tasks need, and must still compute."""

import os
import subprocess
import sys

from observatory.settings import ROOT

FORK = """
import os, sys
from importlib import import_module
from airflow.executors.executor_loader import ExecutorLoader
executor = ExecutorLoader.get_default_executor()
modules = [name.strip() for name in executor.conf.get("observatory", "preload").split(",")]
executor.__class__.__base__.start = lambda self: None
executor.start()
assert not [name for name in modules if name not in sys.modules], modules
child = os.fork()
if child == 0:
    import lightgbm, numpy, polars
    rows = polars.DataFrame({"cell": numpy.arange(100_000) % 7}).group_by("cell").len().height
    x = numpy.random.default_rng(1).random((2_000, 3))
    lightgbm.train({"verbose": -1, "num_threads": 2}, lightgbm.Dataset(x, x[:, 0]), 3)
    os._exit(0 if rows == 7 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_task_computes_in_a_fork_of_the_process_that_preloaded_its_libraries(tmp_path):
    environment = os.environ | {"AIRFLOW_HOME": str(ROOT), "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path)}
    environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{tmp_path}/airflow.db"
    done = subprocess.run(
        [sys.executable, "-c", FORK], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
