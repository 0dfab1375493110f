"""What a territory file says of an agenda on OpenAgenda."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class OpenAgendaSource(Source):
    """One agenda, read through OpenAgenda's API v2.

    Attributes:
        agenda: the agenda's number.
        key: name of the variable, of the environment or of Airflow's secrets backend, that has the reader's key.
        language: which of an event's languages is read.
    """

    reader: ClassVar[str] = "observatory.feeds.openagenda:OpenAgendaFeed"

    protocol: Literal["openagenda"]
    address: str = Field(default="https://api.openagenda.com", min_length=1)
    agenda: int = Field(gt=0)
    key: str = Field(default="OPENAGENDA_KEY", pattern=r"^[A-Z][A-Z0-9_]*$")
    language: str = Field(default="fr", pattern=r"^[a-z]{2}$")
