"""Makes no DAG: shows in Airflow, as an import error, what is wrong with plans that can't be used.

The other DAG files leave such a plan out, so that a mistake in one plan takes no DAG of the others away.
"""

from migration_ops.migration import check_plans, plans_folder

check_plans(plans_folder(__file__))
