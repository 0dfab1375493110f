"""The feeds of the simulated city and their paths: one line per feed, matching ``territories/demo.yml``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from observatory.simulator.publishers import mobility, police, roads, services, transit, weather
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers import Answer
from observatory.simulator.servers.page import Served
from observatory.territory.files import load_territory

CATALOGUE: Mapping[str, Callable[[Ledger], Answer]] = {
    "cameras": police.cameras,
    "patrols": police.patrols,
    "citations": police.citations,
    "impounds": police.impounds,
    "agenda": police.agenda,
    "matches": police.matches,
    "measures": police.event_measures,
    "alerts": police.video_alerts,
    "parking": mobility.parking,
    "bikes": mobility.bikes,
    "timetable": transit.timetable,
    "realtime": transit.realtime,
    "presence": mobility.presence_flows,
    "messages": services.mastodon_messages,
    "posts": services.bluesky_messages,
    "reports": services.citizen_reports,
    "fire": services.fire_operations,
    "hospital": services.hospital_activity,
    "statistics": services.delinquency_statistics,
    "schools": services.schools,
    "worship": services.places_of_worship,
    "works": services.public_works,
    "pitches": services.pitches,
    "vending": services.street_vending,
    "traffic": roads.traffic,
    "motorways": roads.motorways,
    "accidents": roads.accidents,
    "weather": weather.weather,
    "synop": weather.synop,
}
"""First part of a feed's path (``traffic`` of ``http://127.0.0.1:8790/traffic``) to the function that makes its answer.

The answer gets the path without that part (``/traffic/sites.csv`` becomes ``/sites.csv``). The first line of the
function's docstring describes the feed on the portal's page.
"""


def feeds_served() -> list[Served]:
    """The feeds of the simulated city, as its territory file has them."""
    served = []
    for key, feed in load_territory("demo").feeds.items():
        source = feed.source
        path = source.address.partition("://")[2].partition("/")[2] if "://" in source.address else source.address
        more = [str(part) for name in ("path", "resource", "dataset") if (part := getattr(source, name, None))]
        made = CATALOGUE.get(path.partition("/")[0])
        description = (made.__doc__ or "") if made else ""
        holds = description.partition("\n")[0].strip() or feed.kind.replace("_", " ")
        served.append(Served(key, source.protocol, "/".join(filter(None, [path, *more])), f"simulated: {holds}"))
    return served
