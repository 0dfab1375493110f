"""What is served over HTTP from Airflow's API server."""
