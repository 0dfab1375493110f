"""What the observatory excludes by design: personal columns, images, training on what officers discover."""

import ast
import csv
import re
import sqlite3
from contextlib import closing

import pytest
import yaml

from observatory.contracts import CONTRACTS
from observatory.kinds import KINDS
from observatory.settings import ROOT
from observatory.simulator.world.parameters import PLANTED
from observatory.territory.files import load_territories
from observatory.warehouse import raw_schema

SQL = ";\n".join([*(path.read_text() for path in sorted((ROOT / "sql").glob("*.sql"))), *raw_schema.statements()])
MODELS = ROOT / "dbt_project" / "models"
SEEDS = ROOT / "dbt_project" / "seeds"

# a word between underscores that only a person, or what identifies one, has
PERSONAL_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        person people individual citizen resident victim suspect offender perpetrator arrestee accused complainant
        claimant witness caller author poster account user username handle follower officer agent matricule badge driver
        passenger pedestrian patient firstname lastname surname forename fullname maiden initials phone telephone mobile
        fax mail email plate licenceplate licenseplate vin imei imsi msisdn mac ip device birth birthday birthdate dob
        age sex gender race ethnicity ethnic religion nationality passport ssn nir iban face facial biometric
        fingerprint photo image picture video footage frame track pseudonym hmac street house address postcode
        apartment arrest domestic
        """,
    )
)
# what may have a name: places, categories, things of the warehouse, but not persons
NAMED = frozenset({"territory", "place", "zone", "category", "weekday", "feed", "column", "check", "file"})
PERSONAL_GRAINS = re.compile(
    r"\b(person|people|individual|victim|suspect|offender|witness|caller|author|account|user|officer|agent|driver|patient|"
    r"device|vehicle|plate|face|image|video|post)s?\b",
    re.IGNORECASE,
)


# classes of sums, of which no single person is part
SUMMED = frozenset({"age_class"})


def personal(column):
    if column in SUMMED:
        return False
    words = column.lower().split("_")
    who = words[:-1] if words[-1] == "name" else None
    return bool(PERSONAL_WORDS & set(words)) or (who is not None and not (who and who[-1] in NAMED))


def tables():
    """Table of ``sql/`` -> column -> type."""
    found = {}
    for name, body in re.findall(r"create table if not exists (\S+) \((.*?)\n\)", SQL, re.DOTALL):
        columns = re.findall(r"^    (\w+) ([a-z]+(?: precision)?)", body, re.MULTILINE)
        found[name] = {column: kind for column, kind in columns if column not in ("primary", "constraint")}
    return found


def models():
    """Name of a model, seed or source table of the dbt project -> its description in yml."""
    found = {}
    for path in [*sorted(MODELS.rglob("*.yml")), *sorted(SEEDS.glob("*.yml"))]:
        content = yaml.safe_load(path.read_text())
        for each in [*content.get("models", []), *content.get("seeds", [])]:
            found[each["name"]] = each
    return found


TABLES, RELATIONS = tables(), models()
COLUMNS = {
    **{table: list(columns) for table, columns in TABLES.items()},
    **{name: [column["name"] for column in each.get("columns", [])] for name, each in RELATIONS.items()},
    **{f"contract {kind.name}": list(kind.columns) for kind in CONTRACTS.values()},
}


def test_every_kind_of_declaration_was_found():
    assert {"raw.incident", "raw.rejected", "raw.territory", "ops.load", "ml.model"} <= TABLES.keys()
    assert {path.stem for path in MODELS.rglob("*.sql")} <= RELATIONS.keys()
    assert TABLES["raw.incident"]["longitude_deg"] == "double precision"
    assert len(COLUMNS) > 25
    assert all(COLUMNS.values())


PERSONAL_COLUMNS = """
    victim_name author_id plate officer_matricule phone birth_date name owner_name device_id face_embedding
    email_address street_address user_handle first_name age arrest image
"""


@pytest.mark.parametrize("column", PERSONAL_COLUMNS.split())
def test_the_list_of_names_knows_a_personal_column(column):
    assert personal(column)


@pytest.mark.parametrize("relation", COLUMNS)
def test_no_column_is_personal(relation):
    assert [column for column in COLUMNS[relation] if personal(column)] == []


def test_the_grain_of_every_table_is_stated_and_is_no_person():
    said = dict(re.findall(r"comment on (?:table|view) (\S+) is '((?:[^']|'')*)'", SQL))
    assert TABLES.keys() <= said.keys()
    for table, comment in said.items():
        assert comment.startswith("One row per "), table
        assert not PERSONAL_GRAINS.search(f"{table} {comment}"), table


@pytest.mark.parametrize("name", RELATIONS)
def test_the_grain_of_every_model_is_stated_and_is_no_person(name):
    description = " ".join(RELATIONS[name]["description"].split())
    assert "ne row per" in description
    grain = description[description.index("ne row per") :].partition(":")[0].partition(";")[0]
    assert not PERSONAL_GRAINS.search(f"{name} {grain}")


def test_no_column_can_hold_an_image_or_a_track():
    binary = {
        f"{table}.{column}" for table, columns in TABLES.items() for column in columns if columns[column] == "bytea"
    }
    assert binary == {f"raw.{name}.content_hash" for name, kind in KINDS.items() if not kind.is_signal} | {
        "raw.rejected.row_hash"
    }


OF_PLACES = {"zone_code", "zone_name", "place_name", "title", "line_code"}
"""Columns with the names of areas, places, events and lines, under the names that sources use."""


def test_no_territory_reads_a_personal_column():
    for code, territory in load_territories().items():
        for feed_id, feed in territory.feeds.items():
            read = [s for name in feed.columns if name not in OF_PLACES for s in feed.sources_of(name)]
            read = [source for source in read if source not in {s for name in OF_PLACES for s in feed.sources_of(name)}]
            assert [source for source in read if personal(source.lower())] == [], f"{code}.feeds.{feed_id}"


# --- only incidents reported by victims, callers and sensors train a forecast


def trainable_rules():
    """Model -> the expression it makes ``is_trainable`` of, without the models that only select it."""
    found = {}
    for path in sorted(MODELS.rglob("*.sql")):
        for expression in re.findall(r"(?:^|,)([^,]*(?:\([^)]*\)[^,]*)*?)\s+as is_trainable", path.read_text()):
            found[path.stem] = re.sub(r"--.*", "", expression).strip()
    return found


def test_only_one_model_decides_which_incidents_train():
    assert list(trainable_rules()) == ["int_incident_versions_conformed"]


@pytest.mark.parametrize("own", [None, "reported", "sensor", "discovered", "unknown", "REPORTED"])
@pytest.mark.parametrize("mapped", [None, "reported", "sensor", "discovered"])
def test_only_reported_and_sensor_incidents_train(own, mapped):
    """The rule as the model states it, evaluated: the record's own mode, else its category's; mapped ones only."""
    rule = trainable_rules()["int_incident_versions_conformed"]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table versions (detection_mode text)")
        connection.execute("create table category_map (category_code text, detection_mode text)")
        connection.execute("insert into versions values (?)", [own])
        connection.execute("insert into category_map values (?, ?)", [mapped and "theft", mapped])
        (trains,) = connection.execute(f"select {rule} from versions, category_map").fetchone()
    assert bool(trains) == (mapped is not None and (own or mapped) in ("reported", "sensor"))


def test_every_query_of_incidents_by_the_forecasts_selects_trainable_ones():
    tree = ast.parse((ROOT / "ml" / "io.py").read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    reads = [text for text in texts if re.search(r"\bfrom\s+core\.fct_incident", text)]
    assert reads
    assert all(re.search(r"\bwhere\b.*\band is_trainable\b", text, re.DOTALL) for text in reads)


def seed(name):
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ENFORCEMENT = {row["category_code"] for row in seed("category") if row["category_group"] == "enforcement"}
MAP = {(row["territory_code"], row["source_category_code"]): row for row in seed("category_map")} | {
    (code, source): {"category_code": meaning.category, "detection_mode": meaning.detection_mode}
    for code, territory in load_territories().items()
    for source, meaning in territory.categories.items()
}


def test_the_taxonomy_marks_discovered_categories():
    assert {"narcotics", "weapons", "prostitution", "gambling"} <= ENFORCEMENT


@pytest.mark.parametrize("key", [key for key, row in MAP.items() if row["category_code"] in ENFORCEMENT], ids="/".join)
def test_discovered_incidents_never_train_in_any_city(key):
    assert MAP[key]["detection_mode"] == "discovered"


DISCOVERED = [
    *(("chicago", code) for code in ("NARCOTICS", "PROSTITUTION", "GAMBLING", "WEAPONS VIOLATION")),
    ("demo", "STUPEFIANTS"),
]


@pytest.mark.parametrize("key", DISCOVERED, ids="/".join)
def test_the_known_discovered_codes_are_mapped_as_such(key):
    assert MAP[key]["detection_mode"] == "discovered"


def test_the_rule_handles_every_detection_mode_of_the_map():
    assert {row["detection_mode"] for row in MAP.values()} <= {"reported", "sensor", "discovered"}
    assert {code for code, _ in MAP} == set(load_territories()), "every city has its map"


def test_every_category_of_the_simulated_city_is_mapped():
    assert {code for territory, code in MAP if territory == "demo"} == set(PLANTED.codes)
