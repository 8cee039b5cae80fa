"""Key files: the master key, sealed under a key that scrypt derives from a password."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from migration_ops.vault.backend import Backend, FileKind
from migration_ops.vault.clock import format_time, now
from migration_ops.vault.crypto import Key
from migration_ops.vault.errors import (
    MALFORMED,
    DamagedError,
    ObjectMissing,
    UsageError,
    WrongPassword,
    what_is_wrong,
)

# restic calibrates these to half a second. 32 MiB and about 70 ms keep guesses expensive, and a mover that is
# started for every volume starts quickly; a strong generated password is what protects a vault.
_N, _R, _P = 1 << 15, 8, 1
_MOST_KEYS_TRIED = 20
_SCRYPT_MEMORY_LIMIT = 1 << 30


@dataclass(frozen=True)
class KeyFile:
    """A key file that opened, or the description of one.

    :param key: the master key, if the file was opened.
    """

    id: str
    created: str
    username: str
    hostname: str
    key: Key | None = None


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> Key:
    if not (1 < n <= 1 << 22 and 0 < r <= 64 and 0 < p <= 64):
        raise DamagedError(f"scrypt's parameters N={n}, r={r}, p={p} are outside of what any program writes")
    raw = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_SCRYPT_MEMORY_LIMIT, dklen=64)
    return Key(raw[:32], raw[32:48], raw[48:])


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or str(os.getuid())


def refuse_empty(password: str) -> None:
    """Refuse a password that protects nothing.

    :raises UsageError: if it is empty.
    """
    if not password:
        raise UsageError("the password is empty: anybody could read the repository; give one")


def add_key(
    backend: Backend, master: Key, password: str, *, username: str | None = None, hostname: str | None = None
) -> str:
    """Store the master key once more, under a password.

    :returns: the id of the new key file.
    :raises UsageError: if the password is empty, as that of a Secret that was never filled.
    """
    refuse_empty(password)
    salt = os.urandom(64)
    payload = json.dumps(
        {
            "mac": {
                "k": base64.b64encode(master.mac_k).decode(),
                "r": base64.b64encode(master.mac_r).decode(),
            },
            "encrypt": base64.b64encode(master.encrypt).decode(),
        },
        separators=(",", ":"),
    ).encode()
    document = json.dumps(
        {
            "created": format_time(now()),
            "username": username or _user(),
            "hostname": hostname or os.uname().nodename,
            "kdf": "scrypt",
            "N": _N,
            "r": _R,
            "p": _P,
            "salt": base64.b64encode(salt).decode(),
            "data": base64.b64encode(_derive(password, salt, _N, _R, _P).seal(payload)).decode(),
        },
        separators=(",", ":"),
    ).encode()
    name = hashlib.sha256(document).hexdigest()
    backend.save(FileKind.KEY, name, [document])
    return name


def _read(backend: Backend, name: str) -> dict[str, Any]:
    raw = backend.load(FileKind.KEY, name)
    try:
        if hashlib.sha256(raw).hexdigest() != name:
            raise DamagedError("its content does not fit its name")
        document = json.loads(raw)
        if document["kdf"] != "scrypt":
            raise DamagedError(f"its key derivation {document['kdf']!r} is not scrypt")
    except (DamagedError, *MALFORMED) as error:
        raise DamagedError(
            f"key {name} is damaged: {what_is_wrong(error)}; remove it with another key"
        ) from error
    return dict(document)


def _open_key(name: str, document: dict[str, Any], password: str) -> KeyFile | None:
    try:
        salt, sealed = base64.b64decode(document["salt"]), base64.b64decode(document["data"])
        user_key = _derive(password, salt, int(document["N"]), int(document["r"]), int(document["p"]))
        try:
            payload = json.loads(bytes(user_key.open(sealed)))
        except DamagedError:
            return None
        master = Key(
            *(
                base64.b64decode(value)
                for value in (payload["encrypt"], payload["mac"]["k"], payload["mac"]["r"])
            )
        )
    except MALFORMED as error:
        raise DamagedError(f"key {name} is damaged: {what_is_wrong(error)}") from error
    return KeyFile(
        name, document.get("created", ""), document.get("username", ""), document.get("hostname", ""), master
    )


def find_key(backend: Backend, password: str) -> tuple[KeyFile, Key]:
    """Open the first key file that fits the password.

    :raises WrongPassword: if none of the first twenty does.
    """
    tried, damage = 0, None
    for name, _ in backend.list(FileKind.KEY):
        if tried == _MOST_KEYS_TRIED:
            break
        tried += 1
        try:
            found = _open_key(name, _read(backend, name), password)
        except ObjectMissing:
            continue
        except DamagedError as error:
            damage = error
            continue
        if found is not None and found.key is not None:
            return found, found.key
    if damage is not None:
        raise damage
    raise WrongPassword(f"none of the {tried} keys of {backend.location} opens with this password")


def list_keys(backend: Backend) -> list[KeyFile]:
    """Describe all key files, oldest first."""
    found = []
    for name, _ in backend.list(FileKind.KEY):
        document = _read(backend, name)
        found.append(
            KeyFile(
                name, document.get("created", ""), document.get("username", ""), document.get("hostname", "")
            )
        )
    return sorted(found, key=lambda key: key.created)


def remove_key(backend: Backend, prefix: str, *, current: str) -> str:
    """Delete the key whose id begins with `prefix`.

    :param current: id of the key in use, which stays.
    :returns: the id of the deleted key.
    :raises UsageError: if none or several match, or it is the one in use.
    """
    matches = [name for name, _ in backend.list(FileKind.KEY) if prefix and name.startswith(prefix)]
    if len(matches) != 1:
        raise UsageError(f"{len(matches)} keys begin with {prefix!r}; `key list` shows them")
    if matches[0] == current:
        raise UsageError(
            f"key {prefix} is the one in use; open the repository with another password to remove it"
        )
    backend.remove(FileKind.KEY, matches[0])
    return matches[0]
