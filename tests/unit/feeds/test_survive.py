"""For any response of a source, a reader yields rows or raises a complete error, and no other exception."""

import copy
import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.errors import ObservatoryError
from observatory.feeds import open_reader
from observatory.feeds.http.client import Patience
from observatory.records.feed_window import FeedWindow
from tests.support.city import day
from tests.support.server import in_bytes, in_json, serving
from tests.unit.feeds import test_bluesky as bluesky
from tests.unit.feeds import test_datex2 as datex2
from tests.unit.feeds import test_gbfs as gbfs
from tests.unit.feeds import test_gtfs as gtfs
from tests.unit.feeds import test_gtfs_realtime as gtfs_realtime
from tests.unit.feeds import test_mastodon as mastodon
from tests.unit.feeds import test_ngsi_ld as ngsi_ld
from tests.unit.feeds import test_open_meteo as open_meteo
from tests.unit.feeds import test_overpass as overpass
from tests.unit.feeds import test_synop as synop

DAY = day("2026-06-10")
ONCE = Patience(attempts=1, backoff_s=0.01, longest_wait_s=0.05, timeout_s=2)
ANYTHING = [None, [], {}, "", "x", 0, -1, 1e300, True, [None], [[]], {"a": {}}, ["x"], "\u0000"]


def vehicles():
    made = gtfs_realtime.message()
    gtfs_realtime.vehicle(made, 1, bearing=90.0)
    return made.SerializeToString()


DATEX2 = (
    datex2.situations(datex2.RECORD.format(id="1", end="", over="")),
    datex2.publication(datex2.xml_of((*datex2.SPEED, "50", "3", 0, False), time="2026-06-10T10:00:00+02:00")),
)
BINARY = {
    "gtfs": (gtfs.network, gtfs.archive()),
    "gtfs_realtime": (lambda address: gtfs_realtime.agency(address, gtfs_realtime.VEHICLES), vehicles()),
    "situations": (datex2.road_works, DATEX2[0]),
    "measurements": (datex2.measuring, DATEX2[1]),
    "synop": (synop.station, synop.month(synop.observed("20260610090000"))),
}


def good_answers():
    """Protocol to its city and to the responses of a server without faults."""
    thread = [bluesky.post("a"), bluesky.post("b", 5, "a")]
    statuses = [mastodon.status(0), mastodon.status(5, parent=mastodon.status(0)["id"])]
    return {
        "ngsi_ld": (ngsi_ld.broker, ngsi_ld.entities([ngsi_ld.alert(1)])),
        "gbfs": (
            gbfs.stations,
            gbfs.system(None, [gbfs.about(1)], [gbfs.now(1)]),
        ),
        "overpass": (
            overpass.places,
            lambda _: overpass.found(overpass.NODE, overpass.WAY),
        ),
        "open_meteo": (open_meteo.weather, open_meteo.hours),
        "bluesky": (bluesky.signals, bluesky.network(thread)),
        "mastodon": (mastodon.signals, mastodon.instance(statuses)),
    }


def places_in(value, before=()):
    """Paths to every value within a document."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places_in(each, (*before, name))


def spoilt(document, random):
    """The document with one value, anywhere in it, replaced by anything or left out."""
    document = copy.deepcopy(document)
    paths = list(places_in(document))
    deep = random.choice(sorted({len(path) for path in paths}))
    path = random.choice([path for path in paths if len(path) == deep])
    if not path:
        return random.choice(ANYTHING)
    *above, last = path
    holder = document
    for name in above:
        holder = holder[name]
    if isinstance(holder, dict) and random.random() < 0.5:
        del holder[last]
    else:
        holder[last] = random.choice(ANYTHING)
    return document


def survives(territory):
    with suppress(ObservatoryError):
        for chunk in open_reader(FeedWindow.of(territory, "sample", DAY), patience=ONCE).read():
            assert chunk.columns == list(territory.feeds["sample"].read_columns)


MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("protocol", list(good_answers()))
@MANY
@given(turn=st.integers(0, 3), random=st.randoms(use_true_random=False))
def test_json_with_any_value_anywhere_gives_rows_or_a_complete_error(protocol, turn, random):
    place, good = good_answers()[protocol]
    requests = []

    def answer(asked):
        requests.append(asked)
        if len(requests) > 12:
            return in_json({}, 404)  # a damaged response may cause endless paging
        try:
            status, headers, body = good(asked)
        except (ValueError, KeyError):
            return in_json({"message": "a number that is none"}, 400)
        if len(requests) - 1 != turn or status != 200:
            return status, headers, body
        return in_json(spoilt(json.loads(body), random))

    with serving(answer) as (address, _):
        survives(place(address))


@pytest.mark.parametrize("protocol", list(BINARY))
@MANY
@given(data=st.data())
def test_changed_or_truncated_bytes_give_rows_or_a_complete_error(protocol, data):
    place, good = BINARY[protocol]
    body = bytearray(good)
    for _ in range(data.draw(st.integers(0, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))]) if data.draw(st.booleans()) else bytes(body)
    with serving(lambda _: in_bytes(cut)) as (address, _):
        survives(place(address))
