"""The demo: a sample shop, Airflow as processes, and the migration of the one by the other.

``python -m tests.demo up`` is what ``make demo`` runs; ``tests/e2e`` asserts on the same steps. The package
uses the product as its users do (plan file, DAGs, Airflow's public REST API, command line), so that what
it shows is what they get.
"""
