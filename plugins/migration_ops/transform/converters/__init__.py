"""Pure conversions between API versions, called by name from rule files."""
