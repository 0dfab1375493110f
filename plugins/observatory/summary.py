"""What a person sees at the end of the main job: where to look, the top cells, the skill against the baselines."""

from __future__ import annotations

from datetime import date

import psycopg
from rich.console import Console
from rich.table import Table

from observatory import stack
from observatory.territory import Territory
from observatory.warehouse.connection import plain, role_url

TOP = """
    select category_group, risk_rank, cell_id, district_code, expected_count, probability_any, data_as_of
    from tomorrow.hotspot
    where territory_code = %s and forecast_date = %s and risk_rank <= 5
    order by category_group, risk_rank
"""
SKILL = """
    select
        category_group, evaluation, method,
        first_forecast_date, last_forecast_date, incident_count, information_gain, pai_1, pai_2, pai_5
    from tomorrow.skill
    where territory_code = %s
    order by category_group, evaluation, information_gain desc nulls last
"""


def print_summary(console: Console, territory: Territory, today: date) -> None:
    """Print the forecast of ``today`` and how good its method has been."""
    with psycopg.connect(plain(role_url("reader"))) as connection:
        top = connection.execute(TOP, [territory.code, today]).fetchall()
        skill = connection.execute(SKILL, [territory.code]).fetchall()
    label = "SIMULATED city, " if territory.is_simulated else ""
    console.rule(f"{territory.name} · {label}forecast for {today}")
    console.print(_top_table(top))
    console.print(_skill_table(skill))
    found = stack.status()
    for line in (
        f"Airflow    {found['airflow_url']}  user {found['airflow_user']}  password {stack.airflow_password()}",
        f"Warehouse  {found['warehouse_url']}",
        "           select * from tomorrow.hotspot; select * from tomorrow.skill",
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _top_table(rows: list[tuple]) -> Table:
    table = Table(
        "group", "rank", "cell", "district", "expected", "at least one", title="Five likeliest cells of each group"
    )
    for group, rank, cell, district, expected, probability, _ in rows:
        table.add_row(group, str(rank), cell, district or "", f"{expected:.3f}", f"{probability:.1%}")
    return table


def _skill_table(rows: list[tuple]) -> Table:
    table = Table(
        "group",
        "judged",
        "method",
        "days",
        "incidents",
        "gain per incident",
        "PAI 1 %",
        "PAI 2 %",
        "PAI 5 %",
        title="Skill: information gain over a flat map (nats), and how much better than chance the top cells were",
    )
    for group, evaluation, method, first, last, incidents, gain, *pai in rows:
        days = str(first) if first == last else f"{first} to {last}"
        style = "bold" if method == "lightgbm" else ""
        table.add_row(
            group,
            evaluation,
            method,
            days,
            str(incidents),
            _number(gain, 3),
            *(_number(value, 1) for value in pai),
            style=style,
        )
    return table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
