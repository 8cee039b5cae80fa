"""Makes no DAG: shows in Airflow, as an import error, what is wrong with plans that can't be used.

The other DAG files leave a plan out that can't be read, so that a mistake in one plan takes no DAG of the
others away. A plan that can be read, but names rule sets, parameters or notifiers that aren't there, keeps
its DAGs: one of them may be needed to go back.
"""

from migration_ops.migration import plans_folder
from migration_ops.migration.plan_check import check_plans

check_plans(plans_folder(__file__))
