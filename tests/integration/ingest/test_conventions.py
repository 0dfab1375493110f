"""Conventions: a partner's records load only under a convention that is valid on the day of loading."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from airflow.sdk import RetryAction

from observatory.errors import ConventionNotLive, SecretMissing
from observatory.ingest import extract as extraction
from observatory.orchestration import assets
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.window import Window

TODAY = datetime.now(ZoneInfo("Europe/Paris")).date()
DAY = timedelta(days=1)
DEMO = load_territory("demo").model_dump(exclude={"feeds"})
TERMS = """
    select feed_id, kind, licence, partner, purpose, legal_basis, document, start_date, end_date, is_live
    from gov.convention where territory_code = %s order by feed_id
"""


def convention(start, end, **changes):
    stated = {"partner": "Régie", "purpose": "traffic", "legal_basis": "decision 12", "document": "C-1"}
    return {**stated, "start": start, "end": end, **changes}


def city(folder, code, **terms):
    feed = {
        "kind": "parking_occupancy",
        "source": {"protocol": "file", "address": str(folder), "path": "rows.csv"},
        "owner": "Régie",
        "columns": {"car_park_code": "id", "occurred_from": "ts", "free_count": "free"},
    }
    feeds = {feed_id: {**feed, **declared} for feed_id, declared in terms.items()}
    return Territory.model_validate({**DEMO, "code": code, "feeds": feeds})


@pytest.fixture
def extract(warehouse, tmp_path):
    (tmp_path / "rows.csv").write_text(f"id,ts,free\nP1,{TODAY - DAY}T10:00:00,5\n")

    def load(code, feed_id="parking", **terms):
        window = Window.of_day(TODAY - DAY, "Europe/Paris")
        return extraction.extract(sa.make_url(warehouse.url("loader")), city(tmp_path, code, **terms), feed_id, window)

    return load


LIVE = {"today": (TODAY, TODAY), "around": (TODAY - DAY, TODAY + DAY), "last day": (TODAY - 9 * DAY, TODAY)}


@pytest.mark.parametrize(("start", "end"), LIVE.values(), ids=LIVE)
def test_records_are_loaded_under_a_valid_convention(extract, start, end):
    assert extract("live", parking={"convention": convention(start, end)}).read_count == 1


NOT_LIVE = {
    "over": (convention(TODAY - 9 * DAY, TODAY - DAY), f"ended on {TODAY - DAY}"),
    "notbegun": (convention(TODAY + DAY, TODAY + 9 * DAY), f"begins on {TODAY + DAY}"),
}


@pytest.mark.parametrize("code", NOT_LIVE)
def test_an_expired_convention_reads_nothing_and_reports_why(extract, warehouse, monkeypatch, code):
    terms, problem = NOT_LIVE[code]
    monkeypatch.setattr(extraction, "open_reader", lambda *_: pytest.fail("the source was asked"))
    with pytest.raises(ConventionNotLive) as caught:
        extract(code, parking={"convention": terms})
    assert str(caught.value) == (
        f"demo.yml: `feeds.parking`: the convention with Régie (C-1) {problem}; expected one that is live on "
        f"{TODAY}. Nothing was read. Renew the convention and set its `start` and `end` in demo.yml, or remove the "
        "feed from the file."
    ).replace("demo", code)
    assert warehouse.rows("select count(*) from raw.parking_occupancy_hour where territory_code = %s", code) == [(0,)]
    assert warehouse.rows("select count(*) from ops.load where territory_code = %s", code) == [(0,)]
    health = warehouse.rows(
        "select is_failing, last_failure_message from ops.feed_health where territory_code = %s", code, role="reader"
    )
    assert health == [(True, str(caught.value))]
    ((*_, is_live),) = warehouse.rows(TERMS, code, role="reader")
    assert not is_live


def test_the_register_has_current_and_earlier_declarations_of_the_file(extract, warehouse):
    terms = convention(TODAY - DAY, TODAY + DAY)
    extract("reg", parking={"convention": terms}, open={"licence": "Licence ouverte 2.0"})
    extract("reg", parking={"convention": terms}, open={"licence": "Licence ouverte 2.0"})
    partner = ("Régie", "traffic", "decision 12", "C-1", TODAY - DAY, TODAY + DAY, True)
    assert warehouse.rows(TERMS, "reg", role="reader") == [
        ("open", "parking_occupancy", "Licence ouverte 2.0", *[None] * 6, True),
        ("parking", "parking_occupancy", None, *partner),
    ]
    count = "select count(*) from gov.declaration where territory_code = 'reg'"
    assert warehouse.rows(count) == [(2,)], "what is unchanged is not declared again"
    extract("reg", parking={"convention": {**terms, "document": "C-2"}})
    assert [(row[0], row[6]) for row in warehouse.rows(TERMS, "reg")] == [("parking", "C-2")]
    assert warehouse.rows(count) == [(4,)], "the new document, and that the open feed is no longer named"
    extract("reg", parking={"convention": terms}, open={"licence": "Licence ouverte 2.0"})
    assert len(warehouse.rows(TERMS, "reg")) == 2


def test_airflow_does_not_retry_a_task_without_a_valid_convention():
    for kind in (ConventionNotLive, SecretMissing):
        (rule,) = [rule for rule in assets.RETRY.rules if rule.matches(kind("w", found="c", expected="e", action="t"))]
        assert rule.action == RetryAction.FAIL
