"""BAAC: the four tables of a year in every shape they had since 2005, and the real ones."""

import csv
from datetime import UTC, date, datetime

import polars as pl
import pytest

from observatory.errors import SourceChanged
from observatory.simulator.servers.faults import catalogue
from observatory.territory.city import Bounds
from observatory.window import Window

ZONE = "Europe/Paris"
COLUMNS = {
    "source_record_id": "Num_Acc",
    "occurred_from": "at",
    "department_code": "dep",
    "municipality_code": "com",
    "longitude_deg": "long",
    "latitude_deg": "lat",
    "severity": "severity",
    "vehicle_count": "vehicle_count",
    "involved_count": "involved_count",
    "killed_count": "killed_count",
    "aged_15_24_count": "aged_15_24_count",
    "light_code": "lum",
}
OLD = "Num_Acc,an,mois,jour,hrmn,lum,agg,int,atm,col,com,adr,gps,lat,long,dep"
NEW = "Num_Acc;jour;mois;an;hrmn;lum;dep;com;agg;int;atm;col;adr;lat;long"


def year_of(first, last=None):
    return Window(date(first, 1, 1), date((last or first) + 1, 1, 1), ZONE)


def tables_of(rows, separator=","):
    """The tables of a year; ``rows`` are those of the characteristics, each of three persons on two vehicles."""
    numbers = [row.split(separator)[0].strip('"') for row in rows[1:]]
    tables = {
        "places": ["Num_Acc,catr,surf"] + [f"{number},4,1" for number in numbers for _ in range(2)],
        "involved": ["Num_Acc,place,catu,grav,sexe,an_nais"]
        + [f"{number},1,1,{grav},1,{born}" for number in numbers for grav, born in ((4, 1999), (2, ""), (1, "1950.0"))],
        "vehicles": ["Num_Acc,num_veh,catv"] + [f"{number},{vehicle},7" for number in numbers for vehicle in "AB"],
    }
    others = {table: [line.replace(",", separator) for line in lines] for table, lines in tables.items()}
    return {"characteristics": rows, **others}


def write(folder, names, rows, separator=",", encoding="latin-1"):
    for table, lines in tables_of(rows, separator).items():
        written = encoding if table == "characteristics" else "utf-8"
        (folder / names[table]).write_text("".join(f"{line}\n" for line in lines), encoding=written)


def names(year, characteristics, sign="-"):
    return {
        "characteristics": f"{characteristics}{sign}{year}.csv",
        "places": f"lieux{sign}{year}.csv",
        "involved": f"usagers{sign}{year}.csv",
        "vehicles": f"vehicules{sign}{year}.csv",
    }


@pytest.fixture
def territory(city):
    def described(address, **source):
        return city(
            {"protocol": "baac", "address": str(address), **source},
            "accident",
            COLUMNS,
            date_formats=["%Y-%m-%d %H:%M"],
        ).model_copy(update={"bounds": MARSEILLE})

    return described


MARSEILLE = Bounds(south=43.1, north=43.4, west=5.2, east=5.6)


@pytest.fixture
def years(tmp_path):
    """Files of four years, each as its year wrote them."""
    write(
        tmp_path,
        names(2005, "caracteristiques", "_"),
        [
            OLD,
            "200500000001,5,1,2,5,1,2,1,1,3,201,QUAI DE RIVE NEUVE,M,4329200,537000,130",
            "200500000002,5,12,31,2350,5,2,1,1,3,055,Rue de l'Évêché,M,0,0,130",
            "200500000003,5,6,1,1200,5,2,1,1,3,4,AJACCIO,M,,,201",
            "200500000004,5,6,1,1200,5,2,1,1,3,101,LES ABYMES,A,,,971",
            "200500000005,5,6,1,1200,5,2,1,1,3,4,AMBERIEU,M,,,10",
        ],
    )
    write(
        tmp_path,
        names(2009, "caracteristiques", "_"),
        [OLD.replace(",", "\t"), "200900000001,9,3,4,745,1,2,1,1,3,216,RUE,M,4335000,530000,130".replace(",", "\t")],
        separator="\t",
    )
    write(
        tmp_path,
        names(2019, "caracteristiques"),
        [NEW, '"201900000001";"4";"3";"2019";"07:45";"1";"6";"6088";"2";"1";"1";"3";"Nice";"43,7000000";" 7,2600000"'],
        separator=";",
        encoding="utf-8",
    )
    write(
        tmp_path,
        names(2022, "carcteristiques"),
        [
            NEW.replace("Num_Acc", "Accident_Id"),
            '"202200000001";"4";"3";"2022";"07:45";"1";"13";"13208";"2";"1";"1";"3";"Prado";"43,2700000";" 5,3900000"',
        ],
        separator=";",
        encoding="utf-8",
    )
    (tmp_path / "vehicules-immatricules-baac-2022.csv").write_text("Id_accident;Marque\n1;x")
    return tmp_path


def test_every_years_layout_is_converted_to_todays(years, territory, read):
    rows = pl.concat(read(territory(years), year_of(2005, 2022)))
    assert rows.select("Num_Acc", "at", "dep", "com", "lat", "long").rows() == [
        ("200500000001", "2005-01-02 00:05", "13", "13201", 43.292, 5.37),
        ("200500000002", "2005-12-31 23:50", "13", "13055", None, None),
        ("200500000003", "2005-06-01 12:00", "2A", "2A004", None, None),
        ("200500000004", "2005-06-01 12:00", "971", "97101", None, None),
        ("200500000005", "2005-06-01 12:00", "01", "01004", None, None),
        ("200900000001", "2009-03-04 07:45", "13", "13216", 43.35, 5.3),
        ("201900000001", "2019-03-04 07:45", "06", "06088", 43.7, 7.26),
        ("202200000001", "2022-03-04 07:45", "13", "13208", 43.27, 5.39),
    ]
    assert rows.select("involved_count", "killed_count", "severity", "vehicle_count").unique().rows() == [(3, 1, 2, 2)]


def test_accidents_become_records_without_persons(years, territory, read, checked):
    city = territory(years)
    accepted, rejected = checked(read(city, year_of(2022)), city)
    assert rejected.is_empty(), rejected["reason"].to_list()
    (record,) = accepted.to_dicts()
    assert record["occurred_from"] == datetime(2022, 3, 4, 6, 45, tzinfo=UTC)
    assert (record["aged_15_24_count"], record["severity"], record["light_code"]) == (1, 2, "1")
    assert "1999" not in str(record)


def test_a_window_reads_only_the_years_it_touches(years, territory, read):
    (years / "usagers-2019.csv").unlink()
    assert pl.concat(read(territory(years), year_of(2022)))["Num_Acc"].to_list() == ["202200000001"]
    with pytest.raises(SourceChanged, match=r"demo/feed .*, 2019: there is no table of involved; .*files of 2019"):
        read(territory(years), year_of(2018, 2019))


@pytest.mark.parametrize("chunk_rows", [1, 2, 5])
def test_every_accident_is_read_once_with_any_chunk_size(years, territory, read, chunk_rows):
    chunks = read(territory(years), year_of(2005), chunk_rows=chunk_rows)
    assert [number[-1] for chunk in chunks for number in chunk["Num_Acc"]] == list("12345")


def test_a_year_damaged_by_a_spreadsheet_is_refused(years, territory, read):
    path = years / "carcteristiques-2022.csv"
    path.write_text(path.read_text().replace("202200000001", "2.022E+11"))
    with pytest.raises(SourceChanged, match=r"carcteristiques-2022\.csv: was saved by a spreadsheet.*2\.022E\+11"):
        read(territory(years), year_of(2022))


def test_a_table_without_its_key_and_a_renamed_column_are_reported(years, territory, read):
    path = years / "lieux-2022.csv"
    path.write_text(path.read_text().replace("Num_Acc", "numero"))
    with pytest.raises(SourceChanged, match=r"lieux-2022\.csv: columns .*'Num_Acc'.* are missing, columns .*'numero'"):
        read(territory(years), year_of(2022))
    path.write_text(path.read_text().replace("numero", "Num_Acc"))
    path = years / "carcteristiques-2022.csv"
    path.write_text(path.read_text().replace("lum", "lumiere"))
    with pytest.raises(SourceChanged, match=r"2022: columns \['lum'\] are missing"):
        read(territory(years), year_of(2022))


def test_the_files_that_data_gouv_lists_are_read(years, territory, read, serving):
    from starlette.responses import Response

    def site(path, *_):
        if path.endswith("/api/1/datasets/accidents/"):
            listed = [{"url": f"{address}/files/{file.name}"} for file in years.iterdir()]
            return {"resources": [*listed, {"url": f"{address}/files/description.pdf"}]}
        return Response((years / path.rpartition("/")[2]).read_bytes())

    with serving(site, [None, catalogue.hung_up()]) as (address, asked):
        chunks = read(territory(address, dataset="accidents"), year_of(2022))
    assert pl.concat(chunks)["Num_Acc"].to_list() == ["202200000001"]
    assert len(asked) == 1 + 4 + 1, "no file of another year is fetched, the broken one twice"


def test_real_tables_are_joined(shared_data, territory, read, checked):
    folder = shared_data / "accidents_baac"
    city = territory(folder, path="ech100_*.csv").model_copy(
        update={"bounds": Bounds(south=-90, north=90, west=-180, east=180)}
    )
    accepted, rejected = checked(read(city, year_of(2019, 2022)), city)
    with (folder / "ech100_caracteristiques.csv").open(encoding="utf-8") as file:
        source = list(csv.DictReader(file))
    assert (accepted.height + rejected.height, rejected.height) == (len(source), 0)
    marseille = accepted.filter(pl.col("municipality_code").str.contains(r"^132(0\d|1[0-6])$"))
    assert marseille["municipality_code"].sort().to_list() == ["13201", "13208", "13214"]
    assert accepted["involved_count"].sum() == 220
    assert accepted["vehicle_count"].sum() == 167
    first = accepted.filter(pl.col("source_record_id") == "201900000787")
    assert first.select("longitude_deg", "latitude_deg", "killed_count").row(0) == (5.00392, 43.59165, 0)


def test_the_real_file_damaged_by_a_spreadsheet_is_refused(shared_data, territory, read):
    city = territory(shared_data / "accidents_baac", path="excel_*.csv")
    with pytest.raises(SourceChanged, match=r"saved by a spreadsheet, which rounded 199 identifiers"):
        read(city, year_of(2023))
