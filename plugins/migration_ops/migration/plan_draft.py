"""A commented first plan for a cluster that was looked at; what only people can decide is marked `DECIDE`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from migration_ops.migration.plan_facts import ClusterFacts

_RULES = ("eks", "gke", "aks", "tke", "cce", "onprem")
_ANY_DISK = "alicloud-disk-topology-alltype"
_SHOWN = 4
_PUBLIC = frozenset({"docker.io/", "quay.io/", "ghcr.io/", "registry.k8s.io/", "gcr.io/", "public.ecr.aws/"})


@dataclass(frozen=True)
class DraftOptions:
    """What the cluster can't tell.

    :param name: of the plan.
    :param region: of the target, for example `cn-hangzhou`.
    :param image: of the mover, as both clusters pull it.
    :param timezone: of the schedule.
    :param protect_only: whether there will be no target.
    """

    name: str
    region: str = "cn-hangzhou"
    image: str = "registry.example.com/migration-ops-mover:1"
    timezone: str = "UTC"
    protect_only: bool = False


def draft_plan(source: ClusterFacts, options: DraftOptions, target: ClusterFacts | None = None) -> str:
    """The plan file's text.

    :param target: the target, if it could be looked at.
    """
    return "\n".join(_lines(source, options, target)) + "\n"


def _lines(source: ClusterFacts, options: DraftOptions, target: ClusterFacts | None) -> Iterator[str]:
    yield f"# Written by `migration-ops plan init` from a live cluster: Kubernetes {source.version}."
    yield "# Lines with DECIDE need you. `migration-ops plan check FILE` validates what you write."
    yield "apiVersion: migration-ops/v1"
    yield f"name: {options.name}    # the DAGs are called {options.name}.connect, {options.name}.backup, ..."
    yield ""
    yield from _connections(source, options, target)
    yield ""
    yield from _selection(source)
    if not options.protect_only:
        yield ""
        yield from _transform(source, options, target)
    yield ""
    yield from _SCHEDULE.format(timezone=options.timezone).splitlines()
    yield ""
    yield from _MOVERS.format(image=_text(options.image)).splitlines()
    yield ""
    if not options.protect_only:
        yield from _CUTOVER.splitlines()
        yield ""
    yield from _LAST.splitlines()


_SCHEDULE = """\
schedule:    # DECIDE: your off-peak hours
  timezone: {timezone}
  full: "0 1 * * 6"
  incremental: "0 2-5 * * *"
  windows:
    - {{start: "01:00", end: "06:00"}}
  # blackout: ["2026-12-24"]     # days without any backup
  deadline: 8h                   # told as late after that (see notify)
"""
_MOVERS = """\
movers:
  image: {image}    # DECIDE: where both clusters can pull it from
  parallelism: {{source: 4, target: 4}}
  # limit_upload: 50MiB/s        # of each mover; a window may have a limit of its own
"""
_CUTOVER = """\
# DECIDE: the order in which workloads stop; without it whatever mounts no volume, then the rest.
# quiesce: {waves: [[deployment/web], [statefulset/db]]}
# DECIDE: what proves that the application works in the target.
# verify: {probes: [{http: {service: web, path: /healthz}}]}
# DECIDE: who approves, as user ids of Airflow; everybody who may answer when left out.
# approvals: {cutover: [admin], finish: [admin]}
"""
_LAST = """\
retention: {keep_last: 3, keep_daily: 7, keep_weekly: 4}

# DECIDE: who is told; docs/how-to/notify.md.
# notify:
#   - notifier: airflow.providers.smtp.notifications.smtp.SmtpNotifier
#     kwargs: {smtp_conn_id: ops_mail, to: [ops@example.com]}
"""


def _connections(source: ClusterFacts, options: DraftOptions, target: ClusterFacts | None) -> Iterator[str]:
    name = options.name.replace("-", "_")
    yield "# Airflow connections, two of type `kubernetes` and one of type `migration_ops_vault`: make them"
    yield "# under these names, or write yours here."
    if source.provider in _RULES:
        yield f"source: {{conn_id: {name}_source, provider: {source.provider}}}    # recognised"
    else:
        yield f"source: {{conn_id: {name}_source}}    # DECIDE: provider not recognised: {', '.join(_RULES)}"
    if options.protect_only:
        yield "# No target: this plan only protects, and gets no cutover."
    else:
        version = f"    # Kubernetes {target.version} when this was written" if target else ""
        yield f"target: {{conn_id: {name}_target}}{version}"
    yield f"vault: {{conn_id: {name}_vault}}"


def _selection(source: ClusterFacts) -> Iterator[str]:
    names = sorted(source.workloads, key=lambda name: (-source.workloads[name], name))
    yield "select:"
    yield "  namespaces:"
    if names:
        yield "    include:"
        for name in names:
            claims = sum(one.startswith(f"{name}/") for found in source.claims.values() for one in found)
            yield f"      - {_text(name)}    # {source.workloads[name]} pods, {claims} claims"
    else:
        yield '    include: ["*"]    # DECIDE: no pods were found outside of platform namespaces'
    yield "  resources: {exclude: [events, leases.coordination.k8s.io]}"


def _transform(source: ClusterFacts, options: DraftOptions, target: ClusterFacts | None) -> Iterator[str]:
    rules = f"{source.provider}-to-ack" if source.provider in _RULES else "onprem-to-ack"
    unsure = "" if source.provider in _RULES else "    # DECIDE: the source's provider was not recognised"
    known = known_classes(rules)
    yield "transform:"
    yield f"  rules: [api-versions, {rules}]{unsure}"
    yield "  storage_classes:"
    for name in sorted(source.claims):
        used = source.claims[name]
        shown = ", ".join(used[:_SHOWN]) + (", ..." if len(used) > _SHOWN else "")
        wanted = known.get(name, _ANY_DISK)
        note = "" if name in known else "DECIDE: not a class that the rules know; "
        note = _lack(wanted, target) or note
        if name:
            yield f"    {_text(name)}: {wanted}    # {note}{len(used)} claims: {shown}"
    yield f'    "*": {_ANY_DISK}    # {_lack(_ANY_DISK, target)}the rest'
    private = sorted(name for name in source.registries if name not in _PUBLIC)
    public = sorted(name for name in source.registries if name in _PUBLIC)
    if private:
        yield "  image_registries:    # DECIDE: your namespace in ACR, and copy the images there"
        for name in private:
            yield (
                f"    {_text(name)}: registry-vpc.{options.region}.aliyuncs.com/    "
                f"# {source.registries[name]} containers"
            )
    if public:
        yield f"  # Also used: {', '.join(public)}. DECIDE whether the target can pull from there."
    yield f"  params: {{region: {options.region}}}"


def _lack(wanted: str, target: ClusterFacts | None) -> str:
    """What there is to decide if the target doesn't have a StorageClass."""
    if not target or not target.classes or wanted in target.classes:
        return ""
    return f"DECIDE: the target has no {wanted}, only {', '.join(target.classes[:_SHOWN])}; "


def known_classes(rules: str) -> dict[str, str]:
    """What a rule set maps StorageClasses to by itself."""
    from migration_ops.transform.loading import load_rule_sets

    found: dict[str, str] = {}
    for rule_set in load_rule_sets([rules]):
        found |= dict(rule_set.defaults.storage_classes)
    return found


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
