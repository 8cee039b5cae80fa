"""Airflow timetables: when runs begin by themselves."""
