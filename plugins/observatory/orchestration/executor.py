"""Airflow's LocalExecutor, with the libraries of our tasks imported before its workers are forked."""

from __future__ import annotations

from importlib import import_module

from airflow.executors.local_executor import LocalExecutor


class PreloadingExecutor(LocalExecutor):
    """Run tasks on this machine, each in a process that finds the modules of ``[observatory] preload`` in memory.

    A task is a fork of a worker, and a worker a fork of the scheduler. The modules are only imported before the fork,
    never used: polars and OpenMP start their threads at first use, and threads do not survive a fork.
    """

    def start(self) -> None:
        """Import the modules, then start the workers."""
        for module in (self.conf.get("observatory", "preload") or "").split(","):
            import_module(module.strip())
        super().start()
