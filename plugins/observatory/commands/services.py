"""``observatory up``, ``down``, ``status`` and ``exec``: the local services, and commands with access to them."""

from __future__ import annotations

import json
import os
import subprocess

import typer

from observatory.commands import options

_DBT_WRITES = {"build", "run", "seed"}


def up() -> None:
    """Start PostgreSQL and Airflow."""
    from observatory.local import services

    services.up(options.console().print)
    _print_status()


def down() -> None:
    """Stop every process."""
    from observatory.local import services

    services.down(options.console().print)


def status(as_json: options.AsJson = False) -> None:
    """Show addresses and the state of each process."""
    if as_json:
        from observatory.local import services

        print(json.dumps(services.status(), indent=2))
    else:
        _print_status()


def execute(command: list[str]) -> None:
    """Run a command with the local services' addresses.

    Sets the addresses and passwords in its environment: airflow, dbt, observatory-ml, psql.
    """
    from observatory.local.environment import child_environment

    environment = child_environment()
    if command[0] == "dbt" and _DBT_WRITES & set(command):
        raise typer.Exit(_run_dbt(command, environment))
    os.execvpe(command[0], command, environment)  # noqa: S606


def _run_dbt(command: list[str], environment: dict[str, str]) -> int:
    """Run dbt once no other dbt run holds the warehouse's lock; returns its exit code."""
    from observatory.warehouse.connection import role_url
    from observatory.warehouse.dbt_turn import dbt_turn

    with dbt_turn(role_url("transformer"), "by hand", options.console().print):
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603


def _print_status() -> None:
    from observatory.local import services

    console, found = options.console(), services.status()
    for name, process in found["processes"].items():
        mark = "[green]●[/green]" if process["pid"] else "[dim]○[/dim]"
        console.print(f"{mark} {name:<14} {process['state']}" + (f" (pid {process['pid']})" if process["pid"] else ""))
    for line in (
        f"Airflow    {found['airflow_url']}  user {found['airflow_user']}",
        f"Password   in {found['airflow_password_file']}",
        f"Warehouse  {found['warehouse_url'] or 'stopped'}",
    ):
        console.print(line, highlight=False, soft_wrap=True)
