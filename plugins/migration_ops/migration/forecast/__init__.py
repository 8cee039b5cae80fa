"""The forecast: how long the application will be down, known before anybody approves it.

`forecast_cutover` reads what the vault remembers of the plan's earlier runs (`read_history`), asks what will
have changed in each volume (`outlook`), and makes the forecast (`make_forecast`); all but the reading are
pure functions. After the run, `compare` puts the forecast next to what was measured.
"""

from migration_ops.migration.forecast.comparison import ComparedStep, Comparison, compare
from migration_ops.migration.forecast.from_vault import forecast_cutover
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
    "forecast_cutover",
    "make_forecast",
    "outlook",
    "read_history",
    "run_times",
    "seconds_text",
]
