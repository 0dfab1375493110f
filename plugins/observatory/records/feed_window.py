"""One window of one feed: created once and passed to every layer that reads, checks or loads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from observatory.records.plan import Plan

if TYPE_CHECKING:
    from observatory.contracts.base import Contract
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings
    from observatory.window import Window


@dataclass(frozen=True)
class LoadWindow:
    """What a load needs to know: the feed, its contract, and the window.

    Attributes:
        territory_code: the city.
        feed_id: the feed.
        contract: the contract of its kind.
        window: the time whose records are loaded.
        is_complete: whether the source lists every record of the window, so that a record it no longer lists is
            withdrawn.
        tolerated_withdrawal_share: share of the known records above which none is withdrawn.
        has_pseudonymous_key: whether the records' identifiers are pseudonyms.
        is_part_of_history: whether other windows follow, one of which may list a record that this one does not;
            withdrawals are then decided after the last of them (``warehouse.withdrawals``).
        is_live: whether a live run reads it, which has few records (``records.tolerance``).
    """

    territory_code: str
    feed_id: str
    contract: Contract
    window: Window
    is_complete: bool = False
    tolerated_withdrawal_share: float = 0.05
    has_pseudonymous_key: bool = False
    is_part_of_history: bool = False
    is_live: bool = False

    def __str__(self) -> str:
        return f"{self.territory_code}/{self.feed_id} {self.window}"


@dataclass(frozen=True, kw_only=True)
class FeedWindow(LoadWindow):
    """A window of a feed that a city's file declares.

    Attributes:
        plan: the city, the feed's settings, its contract, and how its rows become records.
    """

    plan: Plan

    @classmethod
    def of(
        cls,
        territory: Territory,
        feed_id: str,
        window: Window,
        *,
        is_part_of_history: bool = False,
        is_live: bool = False,
    ) -> FeedWindow:
        """A window of one of a city's feeds."""
        plan = Plan.of(territory, feed_id)
        return cls.of_plan(plan, window, is_part_of_history=is_part_of_history, is_live=is_live)

    @classmethod
    def of_plan(
        cls, plan: Plan, window: Window, *, is_part_of_history: bool = False, is_live: bool = False
    ) -> FeedWindow:
        """A window of the feed that a plan is for."""
        return cls(
            plan.territory.code,
            plan.feed.feed_id,
            plan.contract,
            window,
            is_complete=plan.feed.is_complete,
            tolerated_withdrawal_share=plan.feed.tolerated_withdrawal_share,
            has_pseudonymous_key=plan.has_pseudonymous_key,
            is_part_of_history=is_part_of_history,
            is_live=is_live,
            plan=plan,
        )

    @property
    def territory(self) -> Territory:
        """The city."""
        return self.plan.territory

    @property
    def feed(self) -> FeedSettings:
        """The feed's settings in the territory file."""
        return self.plan.feed
