"""Processes of one machine: PostgreSQL, Airflow, their environment."""
