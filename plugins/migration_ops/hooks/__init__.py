"""Airflow hooks: they own the connections to clusters and vaults, and nothing else."""
