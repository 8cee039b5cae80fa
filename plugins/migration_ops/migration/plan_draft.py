"""A commented first plan for a cluster that was looked at; what only people can decide is marked `DECIDE`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migration_ops.migration.plan_facts import ClusterFacts, NamespaceFacts

USUAL_REGION = "cn-hangzhou"
USUAL_IMAGE = "registry.example.com/migration-ops-mover:1"
USUAL_TIMEZONE = "UTC"

_RULES = ("eks", "gke", "aks", "tke", "cce", "onprem")
_ANY_DISK = "alicloud-disk-topology-alltype"
_SHARED = "alibabacloud-cnfs-nas"
_SHOWN = 4
_PUBLIC = frozenset({"docker.io/", "quay.io/", "ghcr.io/", "registry.k8s.io/", "public.ecr.aws/"})
# Projects of gcr.io whose images everybody may pull; all others are somebody's own.
_PUBLIC_PROJECTS = frozenset(
    f"gcr.io/{project}/"
    for project in (
        "google-containers", "google_containers", "google-samples", "distroless", "kubebuilder", "cadvisor",
        "kaniko-project", "knative-releases", "tekton-releases", "istio-release", "cloudsql-docker",
        "cloud-sql-connectors", "gke-release", "kubernetes-helm",
    )
)  # fmt: skip
# What a YAML reader of any version takes for text without quotes.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class DraftOptions:
    """What the cluster can't tell.

    :param name: of the plan.
    :param region: of the target, for example `cn-hangzhou`; a guess that is marked if nobody said it.
    :param image: of the mover, as both clusters pull it.
    :param timezone: of the schedule.
    :param protect_only: whether there will be no target.
    """

    name: str
    region: str | None = None
    image: str = USUAL_IMAGE
    timezone: str = USUAL_TIMEZONE
    protect_only: bool = False


def draft_plan(source: ClusterFacts, options: DraftOptions, target: ClusterFacts | None = None) -> str:
    """The plan file's text.

    :param target: the target, if it could be looked at.
    """
    return "\n".join(_lines(source, options, target)) + "\n"


def _lines(source: ClusterFacts, options: DraftOptions, target: ClusterFacts | None) -> Iterator[str]:
    yield f"# Written by `migration-ops plan init` from a live cluster: Kubernetes {source.version}."
    yield "# Lines with DECIDE need you. `migration-ops plan check FILE` validates what you write."
    yield from _unread(source, target)
    yield "apiVersion: migration-ops/v1"
    yield f"name: {_word(options.name)}    # the DAGs are {options.name}.connect, {options.name}.backup, ..."
    yield ""
    yield from _connections(source, options, target)
    yield ""
    yield from _selection(source)
    if not options.protect_only:
        yield ""
        yield from _transform(source, options, target)
    yield ""
    yield from _SCHEDULE.format(timezone=_text(options.timezone)).splitlines()
    yield ""
    yield from _MOVERS.format(image=_text(options.image)).splitlines()
    yield ""
    if not options.protect_only:
        yield from _CUTOVER.splitlines()
        yield ""
    yield from _LAST.splitlines()


_UNSEEN = "    # not looked at yet"
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


def _unread(source: ClusterFacts, target: ClusterFacts | None) -> Iterator[str]:
    unread = list(source.unread) + [f"{what} of the target" for what in (target.unread if target else ())]
    if unread:
        yield "# DECIDE: the account may not read what follows, so this plan lacks what depends on it:"
        yield from (f"#   - {what}" for what in unread)


def _connections(source: ClusterFacts, options: DraftOptions, target: ClusterFacts | None) -> Iterator[str]:
    name = options.name.replace("-", "_")
    clusters = "one" if options.protect_only else "two"
    yield f"# Airflow connections, {clusters} of type `kubernetes` and one of type `migration_ops_vault`:"
    yield "# make them under these names, or write yours here."
    if not options.protect_only:
        yield f"# The target's may be of type `migration_ops_ack`, too; {options.name}.register makes it."
    if source.provider in _RULES:
        yield f"source: {{conn_id: {_word(f'{name}_source')}, provider: {source.provider}}}    # recognised"
    else:
        yield (
            f"source: {{conn_id: {_word(f'{name}_source')}}}    "
            f"# DECIDE: provider not recognised: {', '.join(_RULES)}"
        )
    if options.protect_only:
        yield "# No target: this plan only protects, and gets no cutover."
    else:
        version = f"    # Kubernetes {target.version} when this was written" if target else _UNSEEN
        yield f"target: {{conn_id: {_word(f'{name}_target')}}}{version}"
    yield f"vault: {{conn_id: {_word(f'{name}_vault')}}}"


def _selection(source: ClusterFacts) -> Iterator[str]:
    facts = source.namespaces
    yield "select:"
    yield "  namespaces:"
    if facts:
        yield "    include:"
        for name in sorted(facts, key=lambda name: (-facts[name].holds.get("pods", 0), name)):
            yield f"      - {_text(name)}    # {_doubt(facts[name])}{facts[name].text()}"
    else:
        reason = "the account may not list them" if source.unread else "there are none but the platform's"
        yield f'    include: ["*"]    # DECIDE: name the namespaces; {reason}'
    if source.platform:
        yield f"    # Left out as a platform's own: {', '.join(source.platform)}. Name one above to move it."
    yield "  resources: {exclude: [events, leases.coordination.k8s.io]}"


def _doubt(found: NamespaceFacts) -> str:
    if found.is_ending:
        return "DECIDE: it is being deleted; "
    return "" if found.holds.get("pods") else "DECIDE: no pod runs here; "


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
        wanted, note = known.get(name, _ANY_DISK), ""
        if name not in known:
            note = "DECIDE: not a class that the rules know; "
            if name in source.shared_classes:
                wanted, note = _SHARED, f"{note}several nodes mount such claims, which no disk serves; "
        lack = _lack(wanted, target)
        note += lack.removeprefix("DECIDE: ") if note else lack
        count = f"{len(used)} claim{'s' if len(used) > 1 else ''}"
        if name:
            yield f"    {_text(name)}: {wanted}    # {note}{count}: {shown}"
    yield f'    "*": {_ANY_DISK}    # {_lack(_ANY_DISK, target)}the rest'
    yield from _registries(source, options)
    unsaid = "" if options.region else "    # DECIDE: the target's region; nobody said it"
    yield f"  params: {{region: {_word(options.region or USUAL_REGION)}}}{unsaid}"


def _registries(source: ClusterFacts, options: DraftOptions) -> Iterator[str]:
    found = source.registries
    public = sorted(name for name in found if name in _PUBLIC | _PUBLIC_PROJECTS)
    private = sorted(found.keys() - set(public))
    unsaid = "" if options.region else "DECIDE: the region, too; "
    if private:
        yield "  image_registries:    # DECIDE: your namespace in ACR, and copy the images there"
        if len(private) > 1:
            yield "    # Give each a namespace of its own if two hold repositories of one name."
        for name in private:
            count = f"{found[name]} image{'s' if found[name] > 1 else ''}"
            registry = f"registry-vpc.{options.region or USUAL_REGION}.aliyuncs.com/"
            yield f"    {_text(name)}: {registry}    # {unsaid}{count}"
    if public:
        yield f"  # Also used: {', '.join(public)}. DECIDE whether the target can pull from there."


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


def _word(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else _text(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
