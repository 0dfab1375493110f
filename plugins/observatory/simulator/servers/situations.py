"""DATEX II, version 2: a publication of situations, as Bison Futé writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from starlette.datastructures import QueryParams
from starlette.responses import Response

from observatory.simulator.servers.answer import Answer, Row
from observatory.simulator.servers.asked import Rows, rows_of

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
modelBaseVersion="2"><!-- simulated --><exchange><supplierIdentification><country>fr</country>\
<nationalIdentifier>FR-SIMULATED</nationalIdentifier></supplierIdentification></exchange>
<payloadPublication xsi:type="SituationPublication" lang="fr"><publicationTime>{now}</publicationTime>
"""
_TAIL = "</payloadPublication></d2LogicalModel>\n"


def situations(rows: Rows, now: Callable[[], datetime]) -> Answer:
    """Works, one situation each, with internal notes of the publisher.

    Args:
        rows: ``id``, ``type``, ``version_at``, ``starts_at``, ``ends_at`` (or None), ``is_over``, ``comment``,
            ``note``, ``latitude``, ``longitude``; moments are text with an offset.
        now: the publication's time.
    """

    def answer(_path: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        works = "".join(_situation(row) for row in rows_of(rows))
        body = _HEAD.format(now=now().isoformat(timespec="seconds")) + works + _TAIL
        return Response(body.encode(), media_type="application/xml")

    return answer


def _situation(row: Row) -> str:
    end = f"<overallEndTime>{row['ends_at']}</overallEndTime>" if row["ends_at"] else ""
    over = (
        "<management><lifeCycleManagement><end>true</end></lifeCycleManagement></management>" if row["is_over"] else ""
    )
    return (
        f'<situation id="S-{row["id"]}" version="1"><situationRecord xsi:type="{row["type"]}" id="{row["id"]}" '
        f'version="1"><situationRecordVersionTime>{row["version_at"]}</situationRecordVersionTime>'
        "<validity><validityStatus>definedByValidityTimeSpec</validityStatus><validityTimeSpecification>"
        f"<overallStartTime>{row['starts_at']}</overallStartTime>{end}</validityTimeSpecification></validity>"
        f"{_comment('internalNote', row['note'])}{_comment('description', row['comment'])}"
        "<groupOfLocations><locationForDisplay>"
        f"<latitude>{row['latitude']}</latitude><longitude>{row['longitude']}</longitude>"
        f"</locationForDisplay></groupOfLocations>{over}</situationRecord></situation>\n"
    )


def _comment(kind: str, text: str) -> str:
    value = f'<comment><values><value lang="fr">{escape(text)}</value></values></comment>'
    return f"<generalPublicComment>{value}<commentType>{kind}</commentType></generalPublicComment>"
