"""Programs inside the shop's image; ``order`` is shared with the checks outside of it."""
