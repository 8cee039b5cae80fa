"""The five Kubernetes servers, and the pause program, built once from Debian's source package.

Go's GOPATH mode is used: the tarball holds ``vendor/``, and module mode wants to change go.mod. The generated
OpenAPI definitions are not in it and are made first. Cloud providers and the Docker shim are left out by
build tags, which halves the build; nodes here use containerd, and volumes are folders.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path

from tests.lab.cache import build_once, cache_root, fingerprint
from tests.lab.kubernetes_source import REFLECTION, download_kubernetes, replace_reflection, unpack_kubernetes
from tests.lab.progress import Progress
from tests.lab.tools import run_tool

SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
DEBIAN_VERSION = "1.20.5+really1.20.2-1.1+deb12u1"  # known to build; of a later one the mirror's is taken
VERSION = "v1.20.2"
TAGS = "providerless,dockerless"
GO = Path("/usr/lib/go-1.19/bin/go")
PACKAGES_ROUGHLY = 1850
# Without these the servers call themselves v0.0.0-master, and clients refuse or misjudge them. The second
# package is what GET /version answers from.
_VERSIONED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_STAMPS = {"gitVersion": VERSION, "gitMajor": "1", "gitMinor": "20", "gitTreeState": "clean"}
LINK_FLAGS = " ".join(
    ["-s -w"]
    + [
        f"-X k8s.io/kubernetes/vendor/{package}.{name}={value}"
        for package in _VERSIONED
        for name, value in _STAMPS.items()
    ]
)
OPENAPI_PACKAGE = "k8s.io/kubernetes/pkg/generated/openapi"
OPENAPI_TAG = b"+k8s:openapi-gen="
NOT_IN_OPENAPI = {
    "code-generator",
    "sample-apiserver",
    "kube-openapi",
    "test",
    "tests",
    "testing",
    "testdata",
}
# Keeps a pod's namespaces open; it is the first process in them, so it also buries orphans.
PAUSE = """package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			os.Exit(0)
		}
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
	}
}
"""


def kubernetes_binaries(progress: Progress, log: Path) -> Path:
    """Return the cached folder with the servers and ``pause``, built if need be (three minutes on two cores).

    :raises LabError: download or build failed; nothing half-made stays.
    """
    folder = build_once("kubernetes", cache_key(), lambda half: _build(half, progress, log))
    if any(place.exists() for place in _scaffolding()):
        threading.Thread(target=_remove_scaffolding, name="lab-tidy").start()  # servers can start meanwhile
    return folder


def cache_key() -> str:
    """Return the name of the cached build: the source's version and the way it is built."""
    return f"{DEBIAN_VERSION}-{fingerprint(TAGS, PAUSE, LINK_FLAGS, REFLECTION)[:8]}"


def _scaffolding() -> tuple[Path, Path]:
    """Return the folders that only a build needs: sources and tools, and Go's own cache.

    Go's cache is valid whenever its user is killed: the next build goes on from there.
    """
    root = cache_root() / "kubernetes"
    return root / f".{cache_key()}.work", root / f".{cache_key()}.compiled"


def _remove_scaffolding() -> None:
    for place in _scaffolding():
        shutil.rmtree(place, ignore_errors=True)


def _build(folder: Path, progress: Progress, log: Path) -> None:
    work, compiled = _scaffolding()
    if work.exists():
        shutil.rmtree(work)
    gopath = work / "go"
    tree = gopath / "src/k8s.io/kubernetes"
    download = work / "download"
    download.mkdir(parents=True)
    environment = {
        "GOPATH": str(gopath),
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
        "GOFLAGS": "",
        "GOCACHE": str(compiled),
        "GOGC": "300",  # a sixth less work for the compiler, for some more memory
        "GOTMPDIR": str(work),
        "PATH": f"{GO.parent}:{os.environ['PATH']}",
    }
    with progress.step("downloading and unpacking Debian's source package of Kubernetes"):
        found = download_kubernetes(download, log)
        unpack_kubernetes(download, tree, log)
        replace_reflection(tree, work, log)
    if found != DEBIAN_VERSION:
        progress.say(f"the mirror has Kubernetes {found} (tried with {DEBIAN_VERSION})")

    built = 0

    def count(line: str) -> None:
        nonlocal built
        built += bool(re.match(r"[\w./-]+$", line))

    def go_build(target: Path, *arguments: str, inside: Path = tree) -> None:
        command = [str(GO), "build", "-v", "-tags", TAGS, "-o", str(target), *arguments]
        run_tool(
            ["nice", "-n", "5", *command],
            log=log,
            environment=environment,
            folder=inside,
            isolated=True,
            on_line=count,
        )

    with progress.step("generating Kubernetes' OpenAPI definitions"):
        go_build(work / "openapi-gen", "./vendor/k8s.io/kube-openapi/cmd/openapi-gen")
        run_tool(_openapi_command(work, tree), log=log, environment=environment, folder=tree, isolated=True)
    built = 0
    with progress.step("compiling Kubernetes", lambda: f"{built} of about {PACKAGES_ROUGHLY} packages"):
        go_build(folder, "-ldflags", LINK_FLAGS, *(f"./cmd/{server}" for server in SERVERS))
    (work / "pause.go").write_text(PAUSE, encoding="utf-8")
    go_build(folder / "pause", "-ldflags", "-s -w", str(work / "pause.go"), inside=work)


def _openapi_command(work: Path, tree: Path) -> list[str]:
    return [
        str(work / "openapi-gen"),
        *("-O", "zz_generated.openapi"),
        *("--output-base", str(work / "go/src"), "--output-package", OPENAPI_PACKAGE),
        *("--go-header-file", "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"),
        *("--report-filename", str(work / "openapi-report")),
        *("--input-dirs", ",".join(_openapi_packages(tree))),
    ]


def _openapi_packages(tree: Path) -> list[str]:
    """Return every package that asks for OpenAPI definitions by its tag."""
    found = _tagged(tree / "staging/src", "k8s.io", "k8s.io/kubernetes/vendor")
    return found + _tagged(tree, "pkg", "k8s.io/kubernetes")


def _tagged(root: Path, below: str, prefix: str) -> list[str]:
    sources = (root / below).rglob("*.go")
    packages = {path.parent.relative_to(root) for path in sources if OPENAPI_TAG in path.read_bytes()}
    return [
        f"{prefix}/{package}"
        for package in sorted(packages)
        if not NOT_IN_OPENAPI & set(package.parts) and "example" not in str(package)
    ]
