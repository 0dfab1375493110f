"""A city from files, for a backtest without a warehouse: cells, panel, and notes on the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from ml.errors import InputError
from ml.files.context import read_context
from ml.files.incidents import Incidents, read_incidents
from ml.files.places import existing, read_cells, read_districts
from ml.panel import eligibility
from ml.panel.context import Context, public_holidays
from ml.panel.districts import Districts
from ml.panel.gaps import Gap, gaps_in
from ml.panel.panel import Cells, Panel, span
from observatory.grid import cell_ids, project

ALL = "all"
RECENT_DAYS = 28
_MOST_LISTED = 6


@dataclass(frozen=True, eq=False)
class FileCity:
    """A city read from files.

    Attributes:
        cells: one row per cell, as :func:`observatory.grid.cells_in` gives them.
        panel: incidents of the category, the others beside it.
        districts: areas used to assess the uncertainty.
        located_share: located incidents of the category over all of them.
        gaps: days on which nothing at all was recorded.
        notes: what was left out and what is unusual.
    """

    cells: pl.DataFrame
    panel: Panel
    districts: Districts
    located_share: float
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]


def read_city(
    incidents: Path,
    boundary: Path,
    *,
    epsg: int,
    cell_size_m: int,
    category: str,
    groups: Mapping[str, Sequence[str]],
    districts: Path | None = None,
    district_key: str | None = None,
    country: str | None = None,
    context: Path | None = None,
) -> FileCity:
    """Read and count the incidents of a city.

    Args:
        incidents: Parquet, see :func:`ml.files.incidents.read_incidents`.
        boundary: GeoJSON in WGS 84.
        epsg: reference system of the grid, in metres.
        cell_size_m: side of a cell, metres.
        category: a category code, a name of ``groups``, or ``all``.
        groups: group name -> its category codes.
        districts: GeoJSON in WGS 84; None cuts the city into squares of about 5 km.
        district_key: property that names a district.
        country: whose public holidays are known, ISO 3166; None for none.
        context: Parquet, see :func:`ml.files.context.read_context`; None for none.

    Raises:
        InputError: a file, column, category or reference system that cannot be used.
    """
    areas = read_districts(districts, district_key) if districts else None
    cells = read_cells(boundary, epsg, cell_size_m, areas)
    read = read_incidents(incidents)
    codes = _codes(read.rows, category, groups, incidents)
    is_target = pl.col("category_code").is_in(codes)
    located = read.rows.drop_nulls(["longitude_deg", "latitude_deg"])
    easting, northing = project(located["longitude_deg"].to_numpy(), located["latitude_deg"].to_numpy(), epsg)
    placed = located.with_columns(cell_id=cell_ids(easting, northing, epsg, cell_size_m))
    inside = placed.filter(pl.col("cell_id").is_in(cells["cell_id"].implode()))
    days = span(read.rows["occurred_date"])
    if days is None or inside.is_empty():
        raise InputError(
            str(incidents),
            found=f"{located.height} located incidents that may train, none of them inside {boundary.name}",
            expected="incidents inside the boundary, longitude and latitude in degrees",
            action="Check that both files are of the same city and that the two coordinates are not exchanged.",
        )
    counts = inside.group_by("cell_id", "occurred_date", "category_code").agg(incident_count=pl.len())
    on_raster = Cells.from_frame(cells)
    end_day = days[1] + timedelta(days=1)
    known: tuple[Context, ...] = (public_holidays(country, days[0], end_day),) if country else ()
    known += read_context(context, on_raster, epsg) if context else ()
    located_share = located.filter(is_target).height / max(read.rows.filter(is_target).height, 1)
    gaps = tuple(gaps_in(_daily(read.rows, *days), days[0]))
    absent = sorted(set(groups.get(category, codes)) - set(codes))
    notes = _notes(read, located_share, placed.height, inside.height, gaps)
    if absent:
        notes += (f"No row has the category_code {', '.join(absent)}, which the group names.",)
    return FileCity(
        cells,
        replace(Panel.from_counts(on_raster, counts, is_target, days[0], end_day), context=known),
        Districts.from_codes(on_raster, cells) if areas else Districts.squares(on_raster),
        located_share,
        gaps,
        notes,
    )


def read_groups(path: Path | None) -> dict[str, list[str]]:
    """Category groups from YAML: group name -> list of category codes; none where there is no file.

    Raises:
        InputError: the file is no such mapping.
    """
    if path is None:
        return {}
    try:
        groups = yaml.safe_load(existing(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        groups = str(error)
    is_mapping = isinstance(groups, dict) and all(isinstance(codes, list) for codes in groups.values())
    if not is_mapping:
        raise InputError(
            str(path),
            found=f"{str(groups)[:100]!r}",
            expected="a mapping of group names to lists of category codes",
            action="Write it as `violent: [ASSAULT, BATTERY]`, one group a line.",
        )
    return {str(name): [str(code) for code in codes] for name, codes in groups.items()}


def check_days(city: FileCity, first_day: date, last_day: date, horizon_days: int, subject: str) -> None:
    """Check that the data allow these days to be forecast and scored.

    Raises:
        InputError: they are out of order, before the data allow or after it, or fall into a gap of the record.
    """
    panel = city.panel
    if first_day > last_day:
        raise InputError(
            "--from and --to",
            found=f"{first_day} after {last_day}",
            expected="days in order",
            action="Exchange --from and --to.",
        )
    earliest = panel.first_day + timedelta(days=horizon_days)
    if not earliest <= first_day <= last_day < panel.end_day:
        raise InputError(
            subject,
            found=f"days {first_day}..{last_day}",
            expected=f"days in order within {earliest}..{panel.end_day - timedelta(days=1)}, as the incidents allow",
            action="Correct --from and --to.",
        )
    known_until = first_day - timedelta(days=horizon_days - 1)
    recent = max(panel.first_day, known_until - timedelta(days=RECENT_DAYS))
    for what, begin, end in (
        ("the days the forecast learns its level from", recent, known_until),
        ("the days forecast", first_day, last_day + timedelta(days=1)),
    ):
        for gap in city.gaps:
            if gap.days_within(begin, end) == (end - begin).days:
                raise InputError(
                    subject,
                    found=f"no incident at all on {gap}, which covers {what}, {begin}..{end - timedelta(days=1)}",
                    expected="a record without such a gap",
                    action="Export the missing days, or choose other days with --from and --to.",
                )


def _notes(read: Incidents, located_share: float, located: int, inside: int, gaps: Sequence[Gap]) -> tuple[str, ...]:
    notes = []
    if read.without_time:
        notes.append(f"{read.without_time} rows have no occurred_local and were left out.")
    if read.without_category:
        notes.append(f"{read.without_category} rows have no category_code and were left out.")
    if located_share < 1:
        few = (
            ""
            if located_share >= eligibility.WANTED_LOCATED
            else (f" Below {eligibility.WANTED_LOCATED:.0%} a map may differ from that of all incidents.")
        )
        notes.append(f"{1 - located_share:.2%} of the category's incidents have no coordinates and were left out.{few}")
    if inside < located:
        notes.append(f"{located - inside} of {located} located rows lie in no cell of the city and were left out.")
    if gaps:
        listed = ", ".join(str(gap) for gap in gaps[:_MOST_LISTED]) + (", …" if len(gaps) > _MOST_LISTED else "")
        notes.append(f"No incident of any category is recorded on {listed}: a gap, treated as days without incidents.")
    return tuple(notes)


def _daily(rows: pl.DataFrame, first_day: date, last_day: date) -> np.ndarray:
    """Rows per day, (days,)."""
    offset = (rows["occurred_date"] - first_day).dt.total_days().to_numpy()
    return np.bincount(offset, minlength=(last_day - first_day).days + 1)


def _codes(found: pl.DataFrame, category: str, groups: Mapping[str, Sequence[str]], path: Path) -> list[str]:
    known = found["category_code"].unique().sort().to_list()
    if category == ALL:
        return known
    codes = [code for code in groups.get(category, [category]) if code in known]
    listed = f"({', '.join(known[:12])}{', …' if len(known) > 12 else ''})"
    if not codes:
        raise InputError(
            "--category",
            found=f"{category!r}, of which {path.name} has no row",
            expected=f"'{ALL}', a group ({', '.join(groups) or 'none given'}) or a code {listed}",
            action="Correct --category, or name the group in --groups.",
        )
    return codes
