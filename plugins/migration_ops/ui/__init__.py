"""The page "Migrations" in Airflow's UI: plans, restore points, movers at work, findings, runs.

Rendered by the API server, behind Airflow's own login and permissions; read-only. It shows what the vault,
the clusters and Airflow's REST API say, each through the plan's own connections, and keeps answers for
seconds. What can't be reached is named in a box while the rest of the page is shown.
"""
