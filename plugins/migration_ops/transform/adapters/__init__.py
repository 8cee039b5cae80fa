"""Steps that rule files call by name because YAML can't express them."""
