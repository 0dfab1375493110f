"""Say in Airflow which territory files cannot be read; the cities whose files can are not held up."""

from observatory.territory import load_territories

load_territories()
