"""One window of one feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from observatory.contracts.base import Kind
from observatory.window import Window

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class FeedWindow:
    """Which feed, which kind of record, which window.

    A window that is part of a history closes no record: another of its windows may list it, see ``withdrawals``. Of
    one that a live run reads a few more records may be rejected, see ``records.tolerance``.
    """

    territory_code: str
    feed_id: str
    kind: Kind
    window: Window
    is_complete: bool = False
    tolerated_withdrawal_share: float = 0.05
    has_pseudonymous_key: bool = False
    is_part_of_history: bool = False
    is_live: bool = False

    def __str__(self) -> str:
        return f"{self.territory_code}/{self.feed_id} {self.window}"
