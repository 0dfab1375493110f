"""The local services of one machine: PostgreSQL, Airflow, and their environment."""
