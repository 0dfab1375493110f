"""What the DAG files import: assets, task bodies, connections, and a client of Airflow's API."""
