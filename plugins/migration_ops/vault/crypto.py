"""Sealing: AES-256-CTR with Poly1305-AES, as restic does it.

A sealed text is ``IV (16) || ciphertext || tag (16)``. The tag covers the ciphertext only; its one-time key
is ``r || AES-128_k(IV)``. The tag is checked before anything is decrypted.

Many small texts are sealed in one pass: their IVs are consecutive counter blocks that begin at a random one,
so that a single CTR run encrypts them all. No counter block is ever used twice, which is all that CTR and the
Poly1305 nonce ask for; whoever reads it can't tell the difference.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

from migration_ops.vault.backend import Buffer
from migration_ops.vault.errors import DamagedError

IV_SIZE = 16
TAG_SIZE = 16
OVERHEAD = IV_SIZE + TAG_SIZE
_COUNTERS = 1 << 128


_poly1305 = Poly1305.generate_tag


class _Contexts(threading.local):
    """Cipher contexts of one thread; making them costs more than sealing a small blob."""

    ctr: Any = None
    ecb: Any = None


@dataclass(frozen=True)
class Key:
    """A master or user key.

    :param encrypt: 32 bytes, AES-256.
    :param mac_k: 16 bytes, AES-128 key that makes Poly1305's one-time pads.
    :param mac_r: 16 bytes, Poly1305's multiplier.
    """

    encrypt: bytes = field(repr=False)
    mac_k: bytes = field(repr=False)
    mac_r: bytes = field(repr=False)
    _contexts: _Contexts = field(default_factory=_Contexts, init=False, repr=False, compare=False)

    @classmethod
    def random(cls) -> Key:
        """Make a new key; the bits of r that Poly1305 ignores are cleared, as old readers expect."""
        r = bytearray(os.urandom(16))
        for position in (3, 7, 11, 15):
            r[position] &= 0x0F
        for position in (4, 8, 12):
            r[position] &= 0xFC
        return cls(os.urandom(32), os.urandom(16), bytes(r))

    def _stream(self, iv: bytes) -> Any:
        contexts = self._contexts
        if contexts.ctr is None:
            contexts.ctr = Cipher(AES(self.encrypt), CTR(iv)).encryptor()
        else:
            contexts.ctr.reset_nonce(iv)
        return contexts.ctr

    def _pads(self, ivs: bytes) -> bytes:
        contexts = self._contexts
        if contexts.ecb is None:
            # One block at a time under a secret key is a block cipher, not a mode: Poly1305-AES is defined
            # so.
            contexts.ecb = Cipher(AES(self.mac_k), ECB()).encryptor()  # noqa: S305
        pads: bytes = contexts.ecb.update(ivs)
        return pads

    def seal(self, plaintext: Buffer) -> bytearray:
        """Encrypt and authenticate one text.

        :returns: the sealed text, 32 bytes longer.
        """
        size = len(plaintext)
        iv = os.urandom(IV_SIZE)
        sealed = bytearray(size + OVERHEAD)
        sealed[:IV_SIZE] = iv
        view = memoryview(sealed)
        self._stream(iv).update_into(plaintext, view[IV_SIZE:])
        view[-TAG_SIZE:] = _poly1305(self.mac_r + self._pads(iv), view[IV_SIZE:-TAG_SIZE])
        return sealed

    def seal_many(self, plaintexts: Sequence[Buffer]) -> list[bytes]:
        """Seal small texts in one pass (see the module's docstring).

        :returns: the sealed texts in the same order.
        """
        first = os.urandom(IV_SIZE)
        counter = int.from_bytes(first, "big")
        ivs: list[bytes] = []
        padded: list[Buffer] = []
        for text in plaintexts:
            ivs.append(counter.to_bytes(IV_SIZE, "big"))
            padded.append(text)
            blocks, rest = divmod(len(text), 16)
            if rest:
                padded.append(bytes(16 - rest))
                blocks += 1
            counter = (counter + blocks) % _COUNTERS
        joined = b"".join(padded)
        encrypted = bytearray(len(joined) + 16)
        self._stream(first).update_into(joined, encrypted)
        pads = self._pads(b"".join(ivs))
        view = memoryview(encrypted)
        sealed: list[bytes] = []
        offset = 0
        for number, (iv, text) in enumerate(zip(ivs, plaintexts, strict=True)):
            size = len(text)
            body = view[offset : offset + size]
            tag = _poly1305(self.mac_r + pads[number * 16 : number * 16 + 16], body)
            sealed.append(b"".join((iv, body, tag)))
            offset += (size + 15) & ~15
        return sealed

    def open(self, sealed: Buffer) -> memoryview:
        """Check and decrypt a sealed text.

        :raises DamagedError: if the tag does not fit; nothing is decrypted then.
        """
        size = len(sealed) - OVERHEAD
        if size < 0:
            raise DamagedError(
                f"a sealed text has {len(sealed)} bytes, fewer than the {OVERHEAD} of its frame"
            )
        view = memoryview(sealed)
        iv = bytes(view[:IV_SIZE])
        body = view[IV_SIZE:-TAG_SIZE]
        if not hmac.compare_digest(_poly1305(self.mac_r + self._pads(iv), body), view[-TAG_SIZE:]):
            raise DamagedError("the MAC does not fit: the bytes were changed or belong to another key")
        plaintext = bytearray(size + 15)
        self._stream(iv).update_into(body, plaintext)
        return memoryview(plaintext)[:size]
