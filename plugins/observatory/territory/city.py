"""Settings of a city. DAG files import this module every minute, so it imports no heavy library."""

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
    """The rectangle that contains every valid point of the city, in degrees of WGS 84."""

    south: float = Field(ge=-90, le=90)
    north: float = Field(ge=-90, le=90)
    west: float = Field(ge=-180, le=180)
    east: float = Field(ge=-180, le=180)

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if not (self.south < self.north and self.west < self.east):
            raise ValueError("has its sides in the wrong order", "south below north and west below east")
        return self


class Grid(Strict):
    """The city's grid: a projected reference system in metres, and the side of a cell in metres."""

    epsg: int = Field(ge=1024, le=32767)
    cell_size_m: int = Field(gt=0, le=5_000)


class PlaceNames(Strict):
    """Files with the names of the city's places, which remain in texts from which persons are removed.

    Attributes:
        streets: file of street names; a relative path starts at the project's root.
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
    """The category groups to forecast."""

    category_groups: tuple[str, ...] = Field(min_length=1)


class Category(Strict):
    """The meaning of a code of the city's incidents.

    Attributes:
        category: category code of ``dbt_project/seeds/category.csv``.
        detection_mode: how such incidents become known, unless the record states it.
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
    """One city.

    Attributes:
        code: name of the file without ``.yml``; the first part of every key of the city's records.
        is_simulated: whether the city is fictitious; every report and page then says so.
        simulator: command that serves the simulated city's portal; ``observatory run`` starts it.
        schedule: when daily feeds are read, cron in the city's local time.
        place_names: files with the names of its streets and areas.
        categories: code of the city's incidents to its meaning; takes precedence over the seed ``category_map``.
        defaults: settings of every feed that does not state them itself, any of ``SHARED``.
        feeds: feed id to the feed's settings.
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
        """Complete each feed with the file's ``defaults``, and with its key and file for error messages."""
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
            raise ValueError("has a code twice, in upper and in lower case", "each code once")
        return spelled

    def with_portal(self, address: str) -> Territory:
        """The same city with all feeds read from ``address``, without rate limits.

        Args:
            address: a folder, from which every feed is then read; or a web address, which replaces the scheme, host
                and port of every web address and keeps its path. Folders are then unchanged; inboxes always are.
        """
        moved = {
            key: feed.model_copy(update={"source": feed.source.moved_to(_moved(feed.source.address, address))})
            for key, feed in self.feeds.items()
        }
        return self.model_copy(update={"feeds": moved})


def _inherited(shared: dict[str, Any], feed: dict[str, Any]) -> dict[str, Any]:
    """The defaults that apply to a feed; a feed under a convention has no licence."""
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
    """How long a feed's source still corrects what it has published."""
    feed = territory.feeds[feed_id]
    days = KINDS[feed.kind].correction_days if feed.correction_days is None else feed.correction_days
    return timedelta(days=days)


def incident_feeds(territory: Territory) -> list[str]:
    """The feeds of incidents."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "incident"]


def inboxes(territory: Territory) -> list[str]:
    """The feeds whose partners deliver files to an inbox."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.source.is_inbox]


def zone_feeds(territory: Territory) -> list[str]:
    """The feeds of the city's boundary and districts."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "zone"]
