"""Pages and APIs that Airflow's API server serves for the observatory."""
