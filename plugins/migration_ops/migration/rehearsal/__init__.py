"""The rehearsal: a whole restore into scratch namespaces of the target, without touching anything else.

`scratch` names the namespaces and turns the plan into that of its rehearsal, `isolation` takes out of the
objects whatever would be seen from outside and writes the network policies, `isolation_probe` proves that the
target's network obeys them, `teardown` removes what rehearsals made, `reporting` tells what came of it.
"""
