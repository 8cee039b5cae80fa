"""Telling people: what happened, in words, through the Airflow notifiers that a plan names."""
