"""The forecast: how long the application will be down, known before anybody approves it.

Read what the vault remembers of the plan's earlier runs (`read_history`), ask what will have changed in each
volume (`outlook`), and make the forecast (`make_forecast`); after the run, `compare` puts it next to what was
measured. Pure functions: who calls them reads the vault.
"""

from migration_ops.migration.forecast.comparison import ComparedStep, Comparison, compare
from migration_ops.migration.forecast.history import History, RunTimes, read_history, run_times
from migration_ops.migration.forecast.making import Lanes, VolumeOutlook, make_forecast, outlook
from migration_ops.migration.forecast.model import Forecast, StepForecast, VolumeForecast, seconds_text
from migration_ops.migration.forecast.ranges import Range

__all__ = [
    "ComparedStep",
    "Comparison",
    "Forecast",
    "History",
    "Lanes",
    "Range",
    "RunTimes",
    "StepForecast",
    "VolumeForecast",
    "VolumeOutlook",
    "compare",
    "make_forecast",
    "outlook",
    "read_history",
    "run_times",
    "seconds_text",
]
