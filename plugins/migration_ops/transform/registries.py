"""Asking registries which architectures an image exists for (OCI distribution specification, `/v2/`).

A registry that doesn't answer, or not to strangers, decides nothing: that is a finding of severity info.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from migration_ops.transform.images import full_name
from migration_ops.transform.results import Finding, ImageCopy

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MAXIMUM_BYTES = 4 * 1024 * 1024
TIMEOUT_SECONDS = 10
ATTEMPTS = 3
WORKERS = 8
DOCKER_HUB = "registry-1.docker.io"
RULE = "images/architectures"
REASONS = {
    401: "the registry asks for a login",
    403: "the registry asks for a login",
    404: "the registry doesn't have it",
}
CHALLENGE = re.compile(r'(realm|service|scope)="([^"]*)"')


class RegistryError(Exception):
    """A registry didn't answer the question.

    :param reason: what it said instead.
    """


class _BusyRegistryError(RegistryError):
    """A registry that may answer when it is asked again."""


class _RefusedError(RegistryError):
    """A registry's answer that isn't 200.

    :param code: the HTTP status.
    :param challenge: how it wants to be asked.
    """

    def __init__(self, code: int, challenge: str) -> None:
        super().__init__(REASONS.get(code, f"the registry answers {code}"))
        self.code = code
        self.challenge = challenge


class _WithoutCredentials(HTTPRedirectHandler):
    """Follow redirects to a registry's storage, which must not see the registry's token."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        """Drop the token; refuse what isn't HTTP."""
        if urlsplit(newurl).scheme not in {"http", "https"}:
            raise RegistryError(f"redirects to {newurl}")
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None:
            following.remove_header("Authorization")
        return following


@dataclass(frozen=True)
class ImageName:
    """An image's full name, taken apart.

    :param registry: host and port to ask.
    :param repository: the path below it.
    :param reference: tag or digest.
    """

    registry: str
    repository: str
    reference: str

    @classmethod
    def parse(cls, image: str) -> ImageName:
        """Take a name apart.

        :param image: such as `nginx`, `quay.io/a/b:1`, `reg:5000/a@sha256:…`.
        """
        host, _, rest = full_name(image).partition("/")
        repository, at, digest = rest.partition("@")
        path, colon, tag = repository.rpartition(":")
        if not colon:
            path, tag = repository, "latest"
        return cls(DOCKER_HUB if host == "docker.io" else host, path, digest if at else tag)

    @property
    def base(self) -> str:
        """The repository's address; plain HTTP only on this machine itself."""
        host = self.registry.partition(":")[0]
        scheme = "http" if host in {"localhost", "127.0.0.1"} else "https"
        return f"{scheme}://{self.registry}/v2/{self.repository}"


def architectures(image: str) -> frozenset[str]:
    """Ask an image's registry which architectures it exists for.

    :param image: the image's name.
    :raises RegistryError: when the registry doesn't say.
    """
    name = ImageName.parse(image)
    retrying = Retrying(
        retry=retry_if_exception_type(_BusyRegistryError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential_jitter(multiplier=0.2, max=5),
        reraise=True,
    )
    found: frozenset[str] = retrying(_ask, name)
    return found


def check_architectures(copies: Iterable[ImageCopy], wanted: Sequence[str]) -> list[Finding]:
    """Report images that lack an architecture of the target's nodes, and those nobody can tell about.

    :param copies: the images.
    :param wanted: such as `amd64`.
    """
    listed = list(copies)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        answers = pool.map(_answer, [copy.source for copy in listed])
        return [
            finding
            for copy, answer in zip(listed, answers, strict=True)
            for finding in _judged(copy, answer, wanted)
        ]


def _answer(image: str) -> frozenset[str] | RegistryError:
    try:
        return architectures(image)
    except RegistryError as error:
        return error


def _judged(copy: ImageCopy, answer: frozenset[str] | RegistryError, wanted: Sequence[str]) -> list[Finding]:
    user = copy.objects[0]
    if isinstance(answer, RegistryError):
        return [
            Finding(
                user,
                "info",
                RULE,
                f"{copy.source}: {answer}",
                "check by hand that it exists for the target's nodes",
            )
        ]
    missing = sorted(set(wanted) - answer)
    if not missing:
        return []
    return [
        Finding(
            user,
            "blocker",
            RULE,
            f"{copy.source} exists for {', '.join(sorted(answer))}, not for {', '.join(missing)}",
            "build it for the target's nodes, or add nodes of its architecture",
        )
    ]


def _ask(name: ImageName) -> frozenset[str]:
    document, token = _get(f"{name.base}/manifests/{name.reference}", (*INDEX_TYPES, *MANIFEST_TYPES), None)
    if isinstance(document.get("manifests"), list):
        platforms = [
            entry.get("platform") or {} for entry in document["manifests"] if isinstance(entry, dict)
        ]
        return frozenset(str(item.get("architecture")) for item in platforms if item.get("os") == "linux")
    digest = (document.get("config") or {}).get("digest")
    if not digest:
        raise RegistryError("the registry's answer is no manifest of an image")
    config, _ = _get(f"{name.base}/blobs/{digest}", ("*/*",), token)
    return frozenset({str(config.get("architecture"))})


def _get(url: str, accept: Sequence[str], token: str | None) -> tuple[Mapping[str, Any], str | None]:
    try:
        return _fetch(url, accept, token), token
    except _RefusedError as error:
        if error.code != 401 or token is not None:
            raise
        token = _token(dict(CHALLENGE.findall(error.challenge)))
    return _fetch(url, accept, token), token


def _token(challenge: Mapping[str, str]) -> str:
    realm = challenge.get("realm", "")
    if urlsplit(realm).scheme not in {"http", "https"}:
        raise RegistryError("the registry asks for a login")
    query = urlencode({key: challenge[key] for key in ("service", "scope") if key in challenge})
    answer = _fetch(f"{realm}?{query}", ("application/json",), None)
    token = answer.get("token") or answer.get("access_token")
    if not token:
        raise RegistryError("the registry gives strangers no token")
    return str(token)


def _fetch(url: str, accept: Sequence[str], token: str | None) -> Mapping[str, Any]:
    headers = {"Accept": ", ".join(accept), "User-Agent": "migration-ops"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        request = Request(url, headers=headers)  # noqa: S310 (names and realms give http and https only)
        with build_opener(_WithoutCredentials).open(request, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read(MAXIMUM_BYTES + 1)
    except HTTPError as error:
        with error:  # it holds the connection
            if error.code == 429 or error.code >= 500:
                raise _BusyRegistryError(f"the registry answers {error.code}") from error
            raise _RefusedError(error.code, error.headers.get("WWW-Authenticate", "")) from error
    except (URLError, OSError) as error:
        raise _BusyRegistryError(f"the registry doesn't answer ({error})") from error
    try:
        document = orjson.loads(content) if len(content) <= MAXIMUM_BYTES else None
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise RegistryError("the registry's answer is no JSON object of a sensible size")
    return document
