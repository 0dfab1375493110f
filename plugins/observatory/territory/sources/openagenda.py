"""Settings of a source: an agenda on OpenAgenda."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class OpenAgendaSource(Source):
    """One agenda, read through OpenAgenda's API v2.

    Attributes:
        agenda: number of the agenda.
        key: name of the environment variable, or variable of Airflow's secrets backend, with the reader's key.
        language: which language of an event's texts to read.
    """

    reader: ClassVar[str] = "observatory.feeds.openagenda:OpenAgendaReader"

    protocol: Literal["openagenda"]
    address: str = Field(default="https://api.openagenda.com", min_length=1)
    agenda: int = Field(gt=0)
    key: str = Field(default="OPENAGENDA_KEY", pattern=r"^[A-Z][A-Z0-9_]*$")
    language: str = Field(default="fr", pattern=r"^[a-z]{2}$")
