"""Airflow triggers: they only wait, bounded, and can be restarted anywhere at any time."""
