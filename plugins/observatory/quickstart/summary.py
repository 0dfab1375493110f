"""The summary of the quickstart: feeds read, addresses, top cells, skill compared with the baselines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Column, Table

from observatory.local import services
from observatory.quickstart.feeds import Outcomes
from observatory.territory.city import Territory
from observatory.warehouse.connection import plain, role_url

TOP = """
    select category_group, risk_rank, cell_id, district_code, expected_count, probability_any, data_as_of
    from tomorrow.hotspot
    where territory_code = %s and forecast_date = %s and risk_rank <= 5
    order by category_group, risk_rank
"""
ABSTAINED = """
    select category_group, reason from ml.abstention where territory_code = %s and forecast_date = %s order by 1
"""
SKILL = """
    select
        evaluation, first_forecast_date, last_forecast_date, category_group, method,
        incident_count, information_gain, pai_1, pai_2, pai_5
    from tomorrow.skill
    where territory_code = %s
    order by evaluation, first_forecast_date, last_forecast_date, category_group, information_gain desc nulls last
"""
TRAFFIC = """
    select site_code, district_code, speed_kmh, free_flow_speed_kmh, congestion_index, is_jammed, is_stale, data_as_of
    from today.traffic
    where territory_code = %s
    order by congestion_index desc nulls last, site_code
    limit 5
"""


def groups_forecast(territory: Territory, today: date) -> list[str]:
    """The category groups that have a forecast for a day; the others abstained."""
    with psycopg.connect(plain(role_url("reader"))) as connection:
        rows = connection.execute(TOP, [territory.code, today]).fetchall()
    return list(dict.fromkeys(group for group, *_ in rows))


def print_summary(console: Console, territory: Territory, today: date, feeds: Outcomes, maps: list[Path]) -> None:
    """Print the feeds that were read, current traffic, the forecast for ``today`` and the skill of its method."""
    with psycopg.connect(plain(role_url("reader"))) as connection:
        top = connection.execute(TOP, [territory.code, today]).fetchall()
        skill = connection.execute(SKILL, [territory.code]).fetchall()
        abstained = connection.execute(ABSTAINED, [territory.code, today]).fetchall()
        traffic = connection.execute(TRAFFIC, [territory.code]).fetchall()
    label = "SIMULATED city, " if territory.is_simulated else ""
    console.rule(f"{territory.name} · {label}forecast for {today}")
    console.print(f"Feeds loaded: {', '.join(feeds.loaded)}", highlight=False)
    for outcome, reasons in (("refused", feeds.refused), ("failed", feeds.failed)):
        for feed_id, reason in reasons.items():
            console.print(f"Feed {outcome}: {feed_id}, {reason}", highlight=False)
    if traffic:
        console.print(_traffic_table(traffic))
    console.print(_top_table(top))
    for group, reason in abstained:
        console.print(f"{group}: no forecast, because {reason}")
    for table in _skill_tables(skill):
        console.print(table)
    console.print("gain: nats per incident over a flat map; PAI: incidents in the top cells, as a multiple of chance.")
    found = services.status()
    for line in (
        f"Airflow    {found['airflow_url']}  user {found['airflow_user']}  password {services.airflow_password()}",
        f"Warehouse  {found['warehouse_url']}",
        "           select * from tomorrow.hotspot; select * from tomorrow.skill",
        "           select * from today.traffic; select * from today.transit; select * from today.alert",
        "           select * from ops.feed_health",
        *(f"Map        {path}" for path in maps),
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _top_table(rows: list[tuple]) -> Table:
    table = Table(
        "group",
        "rank",
        Column("cell", no_wrap=True),
        "district",
        "expected",
        "at least one",
        title="Five likeliest cells of each group",
    )
    for group, rank, cell, district, expected, probability, _ in rows:
        table.add_row(group, str(rank), cell, district or "", f"{expected:.3f}", f"{probability:.1%}")
    return table


def _traffic_table(rows: list[tuple]) -> Table:
    table = Table("site", "district", "km/h", "free km/h", "slowed by", "", title="Traffic now: the most slowed sites")
    for site, district, speed, free, index, is_jammed, is_stale, data_as_of in rows:
        notes = [*(["jam"] if is_jammed else []), *([f"stale, of {data_as_of:%Y-%m-%d %H:%M} UTC"] if is_stale else [])]
        slowed = "" if index is None else f"{index:.0%}"
        table.add_row(site, district or "", _number(speed, 0), _number(free, 0), slowed, ", ".join(notes))
    return table


def _skill_tables(rows: list[tuple]) -> Iterator[Table]:
    """One table per evaluation and the days it covers."""
    for (evaluation, first, last), found in groupby(rows, key=lambda row: row[:3]):
        days = str(first) if first == last else f"{first} to {last}"
        how = "the forecast as it was issued" if evaluation == "live" else "backtest without look-ahead"
        table = Table(
            "group", "method", "incidents", "gain", "PAI 1 %", "PAI 2 %", "PAI 5 %", title=f"Skill on {days}: {how}"
        )
        for _, _, _, group, method, incidents, gain, *pai in found:
            style = "bold" if method == "lightgbm" else ""
            figures = (_number(gain, 3), *(_number(value, 1) for value in pai))
            table.add_row(group, method, str(incidents), *figures, style=style)
        yield table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
