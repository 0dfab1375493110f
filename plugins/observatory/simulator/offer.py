"""Which feed of the simulated city is served where: one line a feed, matching ``territories/demo.yml``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from observatory.simulator import (
    mobility,
    public_transport,
    road_services,
    services,
    tranquillity,
    weather_services,
)
from observatory.simulator.ledger import Ledger
from observatory.simulator.page import Served
from observatory.simulator.protocols import Answer
from observatory.territory import load_territory

OFFER: Mapping[str, Callable[[Ledger], Answer]] = {
    "cameras": tranquillity.cameras,
    "patrols": tranquillity.patrols,
    "citations": tranquillity.citations,
    "impounds": tranquillity.impounds,
    "agenda": tranquillity.agenda,
    "matches": tranquillity.matches,
    "measures": tranquillity.event_measures,
    "alerts": tranquillity.video_alerts,
    "parking": mobility.parking,
    "bikes": mobility.bikes,
    "timetable": public_transport.timetable,
    "realtime": public_transport.realtime,
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
    "traffic": road_services.traffic,
    "motorways": road_services.motorways,
    "accidents": road_services.accidents,
    "weather": weather_services.weather,
    "synop": weather_services.synop,
}
"""First part of a feed's path, e.g. ``traffic`` of ``http://127.0.0.1:8790/traffic``, to what makes its answer.

The answer is given the path below that part (``/traffic/sites.csv`` comes as ``/sites.csv``). The first line of the
docstring of the function says on the portal's page what is served.
"""


def feeds_served() -> list[Served]:
    """The feeds of the simulated city, as its territory file has them."""
    served = []
    for key, feed in load_territory("demo").feeds.items():
        source = feed.source
        path = source.address.partition("://")[2].partition("/")[2] if "://" in source.address else source.address
        more = [str(part) for name in ("path", "resource", "dataset") if (part := getattr(source, name, None))]
        made = OFFER.get(path.partition("/")[0])
        told = (made.__doc__ or "") if made else ""
        holds = told.partition("\n")[0].strip() or feed.kind.replace("_", " ")
        served.append(Served(key, source.protocol, "/".join(filter(None, [path, *more])), f"simulated: {holds}"))
    return served
