"""What the observatory adds to Airflow's API server: the push API for partners that send files.

Airflow protects nothing that a plugin mounts: the application itself lets in who shows a feed's token, and nobody else.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from observatory.web.push.app import PREFIX, app


class ObservatoryPlugin(AirflowPlugin):
    """The observatory's part of the API server."""

    name = "observatory"
    fastapi_apps: ClassVar[list[Any]] = [
        {"app": app(), "url_prefix": PREFIX, "name": "Observatory: partners that send"}
    ]
