"""Airflow operators: each is one step of a runbook. It gathers, calls the domain, and reports."""
