"""Show a territory file that cannot be read as an import error in Airflow; the DAGs of other cities still appear."""

from observatory.territory.files import load_territories

# Airflow parses only files that contain the words "airflow" and "dag", as the docstring above does
load_territories()
