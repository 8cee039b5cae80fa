"""Registries are asked for an image's architectures, with the tokens and redirects that real ones use."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from migration_ops.transform.registries import ImageName, check_architectures
from migration_ops.transform.results import Finding, ImageCopy

INDEX = {
    "manifests": [
        {"platform": {"os": "linux", "architecture": "amd64"}},
        {"platform": {"os": "linux", "architecture": "arm64"}},
        {"platform": {"os": "unknown", "architecture": "unknown"}},
    ]
}
SINGLE = {"config": {"digest": "sha256:c0"}}


class Registry(BaseHTTPRequestHandler):
    failures = 0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        token = self.headers.get("Authorization")
        if path == "/token":
            self.answer(200, {"token": "let-me-in"})
        elif path == "/v2/private/manifests/1":
            self.answer(401, {})
        elif path == "/v2/flaky/manifests/1" and Registry.failures < 2:
            Registry.failures += 1
            self.answer(503, {})
        elif path in {"/v2/multi/manifests/1", "/v2/flaky/manifests/1"}:
            self.answer(200, INDEX) if token == "Bearer let-me-in" else self.challenge()
        elif path == "/v2/single/manifests/latest":
            self.answer(200, SINGLE) if token == "Bearer let-me-in" else self.challenge()
        elif path == "/v2/single/blobs/sha256:c0":
            self.send_response(307)
            self.send_header("Location", "/storage/c0")
            self.end_headers()
        elif path == "/storage/c0":
            self.answer(200 if token is None else 400, {"architecture": "arm64"})
        else:
            self.answer(404, {})

    def challenge(self) -> None:
        host = self.headers["Host"]
        self.send_response(401)
        self.send_header("WWW-Authenticate", f'Bearer realm="http://{host}/token",service="r",scope="pull"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    Registry.failures = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def checked(image: str, *wanted: str) -> list[Finding]:
    return check_architectures([ImageCopy(image, "x", ("apps/v1/Deployment/shop/web",))], wanted)


def test_an_index_lists_its_architectures(registry: str) -> None:
    assert checked(f"{registry}/multi:1", "amd64", "arm64") == []


def test_a_single_image_is_read_from_storage_that_sees_no_token(registry: str) -> None:
    (finding,) = checked(f"{registry}/single", "amd64")

    assert finding.severity == "blocker"
    assert "exists for arm64, not for amd64" in finding.message


def test_a_busy_registry_is_asked_again(registry: str) -> None:
    assert checked(f"{registry}/flaky:1", "amd64") == []


@pytest.mark.parametrize(
    ("image", "message"),
    [("private:1", "asks for a login"), ("none:1", "doesn't have it")],
    ids=["private", "none"],
)
def test_a_registry_that_does_not_tell_decides_nothing(registry: str, image: str, message: str) -> None:
    (finding,) = checked(f"{registry}/{image}", "amd64")

    assert finding.severity == "info"
    assert message in finding.message


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", ImageName("registry-1.docker.io", "library/nginx", "latest")),
        ("a/b:1", ImageName("registry-1.docker.io", "a/b", "1")),
        ("reg:5000/a/b", ImageName("reg:5000", "a/b", "latest")),
        ("quay.io/a@sha256:f0", ImageName("quay.io", "a", "sha256:f0")),
        ("quay.io/a:1@sha256:f0", ImageName("quay.io", "a", "sha256:f0")),
    ],
)
def test_names_are_taken_apart_as_container_runtimes_do(image: str, expected: ImageName) -> None:
    assert ImageName.parse(image) == expected
