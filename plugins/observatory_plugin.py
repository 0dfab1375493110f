"""Airflow's plugin of the observatory: the push API, by which partners send files.

Airflow does not authenticate requests to applications that a plugin mounts: the application checks the token itself.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from observatory.web.push.app import PREFIX, app


class ObservatoryPlugin(AirflowPlugin):
    """The observatory's part of the API server."""

    name = "observatory"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app(), "url_prefix": PREFIX, "name": "Observatory: push API"}]
