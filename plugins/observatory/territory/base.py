"""The base class of every part of a territory file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a territory file: unknown keys are errors, and values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)
