"""Create Airflow's roles, users and pools in one process, since each ``airflow users create`` starts Airflow anew."""

from __future__ import annotations

from airflow.configuration import conf
from airflow.models.pool import Pool
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

from observatory.orchestration import pools
from observatory.secrets import secret

# user name -> role of Airflow's FAB auth manager: Admin may do everything, Op run and repair DAGs, Viewer read
USERS = {"admin": "Admin", "operator": "Op", "analyst": "Viewer"}


def ensure_users() -> None:
    """Create missing roles and users; their passwords are the secrets ``airflow_<user>``."""
    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        for name, role in USERS.items():
            password = secret(f"airflow_{name}")
            user = manager.find_user(username=name)
            if user is None:
                manager.add_user(
                    name, name.capitalize(), "Observatory", f"{name}@localhost", manager.find_role(role), password
                )


def ensure_pools() -> None:
    """Create the pool with one slot for tasks that wait for a dbt run, and give the default pool a slot per worker.

    Without that limit the scheduler hands the local executor every task that is due, and the executor runs them in that
    order: a task with a higher priority that becomes due later waits for all of them.
    """
    workers = conf.getint("core", "parallelism")
    Pool.create_or_update_pool(
        Pool.DEFAULT_POOL_NAME, slots=workers, description="One slot per worker", include_deferred=False
    )
    Pool.create_or_update_pool(pools.DBT, slots=1, description="Tasks that wait for a dbt run", include_deferred=False)


if __name__ == "__main__":
    ensure_users()
    ensure_pools()
