"""Territories: one city, one YAML file, read strictly. The schedules are made from these, so imports stay light."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from observatory import settings
from observatory.errors import TerritoryError
from observatory.kinds import KINDS
from observatory.territory import taxonomy
from observatory.territory.base import Strict
from observatory.territory.feed import FeedSettings

_WEB = ("http://", "https://")

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,30}$")]


class Bounds(Strict):
    """The rectangle outside which a point cannot be of this city, in degrees of WGS 84."""

    south: float = Field(ge=-90, le=90)
    north: float = Field(ge=-90, le=90)
    west: float = Field(ge=-180, le=180)
    east: float = Field(ge=-180, le=180)

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if not (self.south < self.north and self.west < self.east):
            raise ValueError("is turned round", "south below north and west before east")
        return self


class Grid(Strict):
    """The squares of the city: a projected reference system in metres, and their side."""

    epsg: int = Field(ge=1024, le=32767)
    cell_size_m: int = Field(gt=0, le=5_000)


class PlaceNames(Strict):
    """Where the names of the city's places are listed, so that a text scrubbed of persons keeps its places.

    Attributes:
        streets: file of street names; a relative path is taken from the project's root.
        areas: file of the names of quarters, districts and landmarks.
    """

    streets: str | None = None
    areas: str | None = None

    def read(self, which: Literal["streets", "areas"]) -> tuple[str, ...]:
        """The names in one of the files: one a line, or a JSON list of names or of objects with a ``name``.

        Raises:
            TerritoryError: the file cannot be read.
        """
        named = getattr(self, which)
        if named is None:
            return ()
        path = settings.ROOT / named
        try:
            text = path.read_text(encoding="utf-8")
            listed = json.loads(text) if path.suffix == ".json" else text.splitlines()
            names = [each["name"] if isinstance(each, dict) else str(each) for each in listed]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TerritoryError(
                f"place_names.{which}",
                found=f"{path} cannot be read ({error})",
                expected="a text file with one name a line, or a JSON list of names",
                action="Correct the path in the territory file, or put the file there.",
            ) from None
        return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


class Forecast(Strict):
    """What is forecast for the city."""

    category_groups: tuple[str, ...] = Field(min_length=1)


class Category(Strict):
    """What a code of the city's incidents means.

    Attributes:
        category: code of the conformed taxonomy, ``dbt_project/seeds/category.csv``.
        detection_mode: how such incidents come to be known, unless the record itself says.
    """

    category: str
    detection_mode: Literal["reported", "sensor", "discovered"]

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str) -> str:
        if value not in taxonomy.groups():
            raise ValueError(f"is {value!r}", f"one of {', '.join(taxonomy.groups())}")
        return value


SHARED = ("owner", "licence", "coordinates", "clock", "date_formats", "decimal_comma", "publication_lag_hours")
"""Settings of feeds that a territory file may state once, under ``defaults``."""


class Territory(Strict):
    """One city: where it is, its clock, its grid, its feeds.

    Attributes:
        code: name of the file without ``.yml``; the first part of every key of the city's records.
        is_simulated: whether the city is made up; every reader is told.
        simulator: command that serves the simulated city's portal; ``observatory run`` starts it.
        schedule: when its feeds are read, cron in the city's local time.
        place_names: where the names of its streets and areas are listed.
        categories: code of the city's incidents to what it means; beside the seed ``category_map``, and before it.
        defaults: what every feed of the city has that does not say otherwise, any of ``SHARED``.
        feeds: feed id to what the feed declares.
    """

    code: Code
    name: str = Field(min_length=1)
    country: str = Field(pattern=r"^[A-Z]{2}$")
    is_simulated: bool = False
    simulator: tuple[str, ...] = ()
    timezone: str
    bounds: Bounds
    grid: Grid
    schedule: str = Field(default="0 4 * * *", pattern=r"^\S+ \S+ \S+ \S+ \S+$")
    forecast: Forecast
    place_names: PlaceNames = PlaceNames()
    categories: dict[str, Category] = {}
    defaults: dict[str, Any] = {}
    feeds: dict[Code, FeedSettings] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _complete_feeds(cls, data: Any) -> Any:
        """Give each feed what the file's ``defaults`` say, and its key and file, so that its messages can name both."""
        if isinstance(data, dict) and isinstance(feeds := data.get("feeds"), dict):
            shared = defaults if isinstance(defaults := data.get("defaults"), dict) else {}
            of_file = {"territory_file": f"{data.get('code')}.yml"}
            completed = {
                key: {**_inherited(shared, feed), **feed, **of_file, "feed_id": key} if isinstance(feed, dict) else feed
                for key, feed in feeds.items()
            }
            return {**data, "feeds": completed}
        return data

    @field_validator("defaults")
    @classmethod
    def _only_what_feeds_share(cls, value: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(value) - set(SHARED)):
            raise ValueError(f"has {', '.join(unknown)}", f"any of {', '.join(SHARED)}")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"is {value!r}", "the name of an IANA time zone, e.g. 'Europe/Paris'") from error
        return value

    @field_validator("categories", mode="before")
    @classmethod
    def _each_code_once(cls, value: Any) -> Any:
        """Spell codes as the warehouse does: trimmed, upper case."""
        if not isinstance(value, dict):
            return value
        spelled = {str(code).strip().upper(): meaning for code, meaning in value.items()}
        if len(spelled) < len(value):
            raise ValueError("has a code twice, in capitals and in small letters", "each code once")
        return spelled

    def with_portal(self, address: str) -> Territory:
        """The same city, read from ``address`` instead of its feeds' own, at any pace.

        Args:
            address: a folder, which every feed is then read from; or a web address, which takes the place of the
                scheme, host and port of every web address, whose path is kept. Feeds in folders stay where they are,
                and inboxes always do.
        """
        moved = {
            key: feed.model_copy(update={"source": feed.source.moved_to(_moved(feed.source.address, address))})
            for key, feed in self.feeds.items()
        }
        return self.model_copy(update={"feeds": moved})


def _inherited(shared: dict[str, Any], feed: dict[str, Any]) -> dict[str, Any]:
    """The defaults that a feed takes over; a feed under a convention has no licence."""
    usable = set(SHARED) - ({"licence"} if "convention" in feed else set())
    return {key: value for key, value in shared.items() if key in usable}


def _moved(own: str, portal: str) -> str:
    if not portal.startswith(_WEB):
        return portal
    if not own.startswith(_WEB):
        return own
    path = own.partition("://")[2].partition("/")[2].rstrip("/")
    return "/".join([portal.rstrip("/"), *([path] if path else [])])


def corrected_for(territory: Territory, feed_id: str) -> timedelta:
    """How long a feed still changes what it has published."""
    feed = territory.feeds[feed_id]
    # a contract is heavy, and is looked into only where the file says nothing
    days = KINDS[feed.kind].correction_days if feed.correction_days is None else feed.correction_days
    return timedelta(days=days)


def incident_feeds(territory: Territory) -> list[str]:
    """The feeds a day must have before it is transformed and forecast."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "incident"]


def inboxes(territory: Territory) -> list[str]:
    """The feeds that partners send, which nobody is asked for."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.source.is_inbox]


def zone_feeds(territory: Territory) -> list[str]:
    """The feeds that say where the city and its districts are."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "zone"]
