"""What Airflow's DAGs are made of."""
