"""How long an application is down, with its volumes staged before the stop and without."""
