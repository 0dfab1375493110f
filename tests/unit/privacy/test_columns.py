"""Personal columns are recognised by their names, in any style; places, counts and classes are not personal."""

import pytest

from observatory.contracts import CONTRACTS
from observatory.privacy.columns import personal_columns, refused_at_the_door

PERSONAL = """
nom prenom Prénom name NAME first_name lastName full_name nom_victime nom_complet nom_usage victim_name owner_name phone
telephone numero_telephone tel tel_portable Téléphone phoneNumber mail e_mail email adresse_mail courriel plate
license_plate licensePlate plaque_immatriculation immatriculation numImmat matricule agent_matricule badge_number owner
proprietaire author author_id author.did auteur handle user_id username screen_name avatar avatar_url media_url mediaUrl
house_number housenumber numero_voie num_voie date_naissance dateNaissance Date-de-naissance birth_date DOB
lieu_naissance an_nais iban nir num_secu imei msisdn device_id ip_address contact_name contact contact_email driver
driver_id conducteur conducteur_nom victim caller caller_name requerant Nom-du-requérant N°-de-téléphone temoin
agent_code officer_id patient_id mis_en_cause reporter.phone
"""
IMPERSONAL = """
case_number date block primary_type description latitude longitude district nom_station nom_commune NOM_QUA NOM_CO
nom_etablissement street_name station_name school_name route_long_name agency_name stop_name service_name service_code
status address adresse libelle_acheminement victim_count nb_victimes personnes_count agents_total driver_age_class
owner_type call_type author_count plate_country_type record_id incident_id identifiant number numero surface camera_id
vehicle_type hotel_taxe telecom_flow mobilite emailing_campaign contactless requested_datetime agency_responsible
Num_Acc dep com grav occurred_from NumberOfInputValuesUsed compte_rendu permis_construire
"""
TRACED = """
image imageUrl photo snapshot_jpeg video_clip rtsp_stream track_id trackId object.trajectory face faceId
facial_embedding biometric_template plate licensePlate plaque anpr_read person_reid skeleton gait_score
"""
UNTRACED = """
id type category subCategory severity dateObserved validFrom location alertSource data peopleCount occupancy congested
crowd_density frame_count device zone direction headwayTime confidence surface
"""


@pytest.mark.parametrize("name", PERSONAL.split())
def test_a_personal_column_is_recognised(name):
    assert personal_columns(["date", name, "district"]) == [name]


@pytest.mark.parametrize("name", IMPERSONAL.split())
def test_a_place_a_count_or_a_code_is_not_personal(name):
    assert personal_columns([name]) == []


def test_a_kind_may_allow_names_of_places():
    assert personal_columns(["name", "phone"], allowed={"name"}) == ["phone"]


def test_no_contract_has_a_personal_column():
    for kind in CONTRACTS.values():
        assert personal_columns(kind.columns, allowed={"name"}) == []


@pytest.mark.parametrize("name", TRACED.split())
def test_identifiers_that_track_a_person_are_refused_on_ingestion(name):
    assert refused_at_the_door(["alertSource", name]) == [name]


@pytest.mark.parametrize("name", UNTRACED.split())
def test_an_alert_without_a_person_is_accepted(name):
    assert refused_at_the_door([name]) == []
