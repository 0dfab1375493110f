"""What city services, social networks and others publish: the rows that each of their servers sends.

Each function builds the answer of one feed of ``territories/demo.yml`` from the ledger, with the names, clocks and
units of real publishers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import polars as pl
import pyproj

from observatory.simulator.publishers.ledger_rows import occurring, occurring_frames, standing, standing_frames
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.records.sensitive_place import SCHOOLS
from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.files import Table, csv
from observatory.simulator.servers.lists import open311
from observatory.simulator.servers.microblogs import Messages, bluesky, mastodon
from observatory.simulator.servers.opendatasoft import opendatasoft
from observatory.simulator.servers.overpass import overpass
from observatory.simulator.servers.situations import situations
from observatory.simulator.servers.tables import ckan
from observatory.simulator.world.city import EPSG, NAME, build_city
from observatory.simulator.world.clock import written
from observatory.simulator.world.parameters.messages import PERSONAL_SPANS

_SERVICE_NAMES = {
    "TAG": "Tags et affiches", "DEPOT": "Dépôts sauvages", "ECLAIRAGE": "Éclairage public", "VOIRIE": "Voirie",
    "BRUIT": "Bruit", "EPAVE": "Véhicules abandonnés",
}  # fmt: skip
_RELIGIONS = {"church": "christian", "temple": "christian", "mosque": "muslim", "synagogue": "jewish"}
_ONE_DAY = timedelta(days=1)
_NO_BREAK = "\u00a0"


def citizen_reports(ledger: Ledger) -> Answer:
    """Reports of residents (Open311)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        written = "%Y-%m-%dT%H:%M:%SZ"
        return listed.unique("source_record_id", keep="first", maintain_order=True).select(
            service_request_id="source_record_id",
            status="status",
            service_code="service_code",
            service_name=pl.col("service_code").replace_strict(_SERVICE_NAMES),
            description="description",
            requested_datetime=pl.col("occurred_from").dt.strftime(written),
            updated_datetime=pl.col("updated_at").dt.strftime(written),
            closed_datetime=pl.col("closed_at").dt.strftime(written),
            address=pl.format("12 rue de la Simulation, {}", pl.lit(NAME)),
            lat="latitude_deg",
            long="longitude_deg",
            media_url=pl.lit(""),
            district="district_code",
        )

    return open311(occurring(ledger, "citizen_report", made))


def fire_operations(ledger: Ledger) -> Answer:
    """Operations of the fire brigade (CSV in cp1252)."""
    to_metres = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{EPSG}", always_xy=True)

    def made() -> pl.DataFrame:
        listed = ledger.everything("fire_operation")
        easting, northing = to_metres.transform(listed["longitude_deg"].to_numpy(), listed["latitude_deg"].to_numpy())
        metres = listed.with_columns(easting=pl.Series(easting), northing=pl.Series(northing))
        return metres.select(
            pl.col("source_record_id").alias("N° d'intervention"),
            pl.col("nature_code").alias("Nature"),
            _local("occurred_from").alias("Appel reçu à"),
            _local("departed_at").alias("Départ à"),
            _local("arrived_at").alias("Arrivée à"),
            _local("cleared_at").alias("Libéré à"),
            _with_decimal_comma(pl.col("easting")).alias("X Lambert 93"),
            _with_decimal_comma(pl.col("northing")).alias("Y Lambert 93"),
            _local("published_at").alias("Envoyé à"),
        )

    return csv(_file(ledger, "/operations.csv", made), ";", "cp1252")


def hospital_activity(ledger: Ledger) -> Answer:
    """Visits to emergency wards (Opendatasoft)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        return listed.select(
            date_de_passage=written("occurred_from", "%Y-%m-%d"),
            finess="establishment_code",
            tranche="age_class",
            motif="motive_code",
            passages="visit_count",
            date_maj=_iso("published_at"),
        )

    types = {"date_de_passage": "date", "finess": "text", "tranche": "text", "motif": "text",
             "passages": "int", "date_maj": "datetime"}  # fmt: skip
    return opendatasoft(occurring_frames(ledger, "hospital_activity", made), types)


def delinquency_statistics(ledger: Ledger) -> Answer:
    """Yearly statistics of recorded crime (CSV)."""

    def made() -> pl.DataFrame:
        listed = ledger.standing("delinquency_statistic")
        rate = pl.col("recorded_count") * 1000 / pl.col("population_count")
        return listed.select(
            pl.col("zone_code").alias(f"CODGEO_{listed['edition'][-1]}"),
            pl.col("reference_year").alias("annee"),
            pl.col("indicator_code").alias("indicateur"),
            pl.col("unit").alias("unite_de_compte"),
            pl.col("recorded_count").cast(pl.String).fill_null("NA").alias("nombre"),
            _with_decimal_comma(rate, 4).fill_null("NA").alias("taux_pour_mille"),
            pl.when("is_published").then(pl.lit("diff")).otherwise(pl.lit("ndiff")).alias("est_diffuse"),
            pl.col("population_count").alias("insee_pop"),
        )

    return csv(_file(ledger, "/donnee-comm.csv", made), ";")


def schools(ledger: Ledger) -> Answer:
    """Schools (Opendatasoft); those with only a town have the point of its centre."""
    middle = build_city().degrees(0, 0)

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        is_town = pl.col("location_method") == "none"
        return listed.filter(pl.col("place_type").is_in(SCHOOLS)).select(
            identifiant_de_l_etablissement="source_record_id",
            type_etablissement="place_type",
            nom_etablissement="place_name",
            date_ouverture=written("occurred_from", "%Y-%m-%d"),
            precision_localisation=pl.when(is_town).then(pl.lit("Ville")).otherwise(pl.lit("Numéro de rue")),
            longitude=pl.col("longitude_deg").fill_null(middle[0]),
            latitude=pl.col("latitude_deg").fill_null(middle[1]),
        )

    types = {"identifiant_de_l_etablissement": "text", "type_etablissement": "text", "nom_etablissement": "text",
             "date_ouverture": "date", "precision_localisation": "text", "longitude": "double",
             "latitude": "double"}  # fmt: skip
    return opendatasoft(standing_frames(ledger, "sensitive_place", made), types)


def places_of_worship(ledger: Ledger) -> Answer:
    """Places of worship (Overpass)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        number = pl.int_range(1, pl.len() + 1)
        return (
            listed.with_columns(element=number)
            .filter(~pl.col("place_type").is_in(SCHOOLS))
            .select(
                type=pl.when(pl.col("element") % 3 == 0).then(pl.lit("way")).otherwise(pl.lit("node")),
                id=pl.col("source_record_id").str.extract(r"(\d+)$").cast(pl.Int64)
                + pl.col("place_type").replace_strict({kind: n * 10_000 for n, kind in enumerate(_RELIGIONS, 1)}),
                lat="latitude_deg",
                lon="longitude_deg",
                tags=pl.struct(
                    pl.lit("place_of_worship").alias("amenity"),
                    pl.col("place_type").alias("building"),
                    pl.col("place_type").replace_strict(_RELIGIONS).alias("religion"),
                    pl.col("place_name").alias("name"),
                ),
            )
        )

    return overpass(standing(ledger, "sensitive_place", made))


def public_works(ledger: Ledger) -> Answer:
    """Public works (DATEX II situations)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        is_building = pl.col("nature_code") == "constructionWork"
        return listed.select(
            id="source_record_id",
            type=pl.when(is_building).then(pl.lit("ConstructionWorks")).otherwise(pl.lit("MaintenanceWorks")),
            version_at=_iso("published_at"),
            starts_at=_iso("occurred_from"),
            ends_at=pl.coalesce(_iso("occurred_to"), _iso("planned_to")),
            is_over="is_over",
            comment="description",
            note=pl.lit(PERSONAL_SPANS[0]),
            latitude="latitude_deg",
            longitude="longitude_deg",
        )

    return situations(standing(ledger, "public_work", made), lambda: ledger.now)


def pitches(ledger: Ledger) -> Answer:
    """Markets and pitches granted (CKAN)."""

    def made(listed: pl.DataFrame) -> pl.DataFrame:
        day = "%Y-%m-%d"
        return listed.select(
            numero="source_record_id",
            type="pitch_type",
            nom="place_name",
            jours="opening_days",
            etals="stall_count",
            surface_m2="area_m2",
            du=written("occurred_from", day),
            au=written("occurred_to", day),
            lon="longitude_deg",
            lat="latitude_deg",
        )

    types = {"numero": "text", "type": "text", "nom": "text", "jours": "text", "etals": "int4", "surface_m2": "float8",
             "du": "text", "au": "text", "lon": "float8", "lat": "float8"}  # fmt: skip
    return ckan(standing(ledger, "pitch", made), types)


def street_vending(ledger: Ledger) -> Answer:
    """Sightings of vending in the street (CSV)."""

    def made() -> pl.DataFrame:
        return ledger.everything("street_vending").select(
            sighting_id="source_record_id",
            seen_at=_iso("occurred_from"),
            sellers="observed_count",
            goods="goods_class",
            lon="longitude_deg",
            lat="latitude_deg",
            noted_at=_iso("published_at"),
        )

    return csv(_file(ledger, "/sightings.csv", made))


def mastodon_messages(ledger: Ledger) -> Answer:
    """Public messages of a simulated network (Mastodon)."""
    return mastodon(_messages(ledger, "mastodon"))


def bluesky_messages(ledger: Ledger) -> Answer:
    """Public messages of another simulated network (Bluesky)."""
    return bluesky(_messages(ledger, "bluesky"))


def _messages(ledger: Ledger, network: str) -> Messages:
    def between(start: datetime, end: datetime) -> pl.DataFrame:
        return ledger.listed("social_signal", start, end).filter(pl.col("network") == network)

    beginning = datetime.combine(ledger.simulation.first_day, datetime.min.time(), UTC)
    return Messages(between, lambda: ledger.now, beginning)


def _file(ledger: Ledger, path: str, made: Callable[[], pl.DataFrame]) -> Table:
    """One file, unchanged for a minute."""

    @lru_cache(maxsize=1)
    def table(_minute: datetime) -> pl.DataFrame:
        return made()

    return lambda asked: table(ledger.now) if asked == path else None


def _local(name: str) -> pl.Expr:
    return written(name, "%d/%m/%Y %H:%M:%S")


def _iso(name: str) -> pl.Expr:
    return written(name, "%Y-%m-%dT%H:%M:%S%:z")


def _with_decimal_comma(number: pl.Expr, decimals: int = 1) -> pl.Expr:
    """Positive numbers as ``6 245 012,5``, thousands apart by no-break spaces."""
    scaled = (number * 10**decimals).round(0).cast(pl.Int64)
    backwards = (scaled // 10**decimals).cast(pl.String).str.reverse()
    grouped = backwards.str.replace_all(r"(\d{3})", rf"${{1}}{_NO_BREAK}").str.strip_chars_end(_NO_BREAK)
    part = (scaled % 10**decimals).cast(pl.String).str.zfill(decimals)
    return pl.format("{},{}", grouped.str.reverse(), part)
