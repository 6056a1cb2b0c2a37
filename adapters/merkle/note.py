"""Signed tree heads as C2SP checkpoints, and the keys that they are signed with (Ed25519, RFC 8032).

    chatledger.local/5f0c9d5e                          origin: which log this is
    20852163                                           size: how many events
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=       root hash, base64

    — chatledger.local/5f0c9d5e Az3grlgtzPICa5OS8…     base64 of key id and signature of the lines above

https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import os
import re
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from adapters.merkle.tree import HASH_BYTES

ED25519 = b"\x01"
KEY_ID_BYTES = 4
NOTE_BYTES = 2**20
SIGNATURES = 100
"""A note may have so many lines of them; a stranger's is not read any further."""

KEY_NAME = re.compile(r"[^\s+]+")
SIGNATURE = re.compile(r"— ([^\s+]+) (\S+)")
SIZE = re.compile("0|[1-9][0-9]{0,15}")
NOT_THE_OWNER = 0o077


class BadNote(ValueError):
    """A note, a checkpoint or a key that is not written as it has to be, or not signed."""


class KeyNotSafe(Exception):
    """The file of the signing key can be read by others, or holds something else."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head. root_hash: bytes."""

    origin: str
    size: int
    root_hash: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root_hash).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key, and the name of the log that it is of."""

    name: str
    public_key: bytes

    @classmethod
    def of(cls, vkey: str) -> Verifier:
        """From `<name>+<key id in hex>+<base64 of 0x01 and the key>`.

        Raises:
            BadNote: it is not written so, or the id is another key's.
        """
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _base64(encoded)
        if key[:1] != ED25519 or len(key) != 1 + HASH_BYTES or not KEY_NAME.fullmatch(name):
            raise BadNote(f"{vkey!r} is no public key of the form NAME+ID+KEY")
        verifier = cls(name, key[1:])
        if verifier.key_id.hex() != key_id:
            raise BadNote(f"{vkey!r} is spoiled: the key's id is {verifier.key_id.hex()}")
        return verifier

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """How the key is told to others."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(ED25519 + self.public_key).decode()}"

    def signed(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, and the name of the log that it signs."""

    name: str
    private_key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.private_key.public_key().public_bytes_raw())

    def sign(self, size: int, root_hash: bytes) -> str:
        """The note of a tree head."""
        text = Checkpoint(self.name, size, root_hash).text
        signature = self.verifier.key_id + self.private_key.sign(text.encode())
        return f"{text}\n— {self.name} {b64encode(signature).decode()}\n"


def read_checkpoint(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """What a note says that one of these has signed, as the head of the log of its name.

    Raises:
        BadNote: none has, or it is no checkpoint. A wrong signature of one of them spoils it.
    """
    text, signers = open_note(note, verifiers)
    checkpoint = _checkpoint(text)
    if checkpoint.origin not in signers:
        raise BadNote(f"no known key of {checkpoint.origin} has signed it")
    return checkpoint


def open_note(note: str, verifiers: Sequence[Verifier]) -> tuple[str, set[str]]:
    """A note's text, and who of these has signed it; perhaps nobody.

    Raises:
        BadNote: it is no note, or a signature of one of them is wrong.
    """
    text, signatures = _taken_apart(note)
    signers = set()
    for name, encoded in signatures:
        key_id, signature = (raw := _base64(encoded))[:KEY_ID_BYTES], raw[KEY_ID_BYTES:]
        for verifier in verifiers:
            if (verifier.name, verifier.key_id) == (name, key_id):
                if not verifier.signed(text, signature):
                    raise BadNote(f"the signature of {name} is not that of this text")
                signers.add(name)
    return text, signers


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The key in a file (PKCS #8, PEM), which is made where there is none, for its owner only.

    Raises:
        KeyNotSafe: others may read it too, or it holds something else.
        OSError: it can't be read, or not be made.
    """
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & NOT_THE_OWNER:
        raise KeyNotSafe(f"{path} can be read by others: chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        raise KeyNotSafe(f"{path} holds no private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyNotSafe(f"{path} holds another key than one of Ed25519")
    return key


def _make_key(path: Path) -> None:
    """Whole or not at all; of two who do so at once, the key of one is there for both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # which only its owner may read
    try:
        with open(file, "wb") as begun:
            begun.write(pem)
            begun.flush()
            os.fsync(begun.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)


def _taken_apart(note: str) -> tuple[str, list[tuple[str, str]]]:
    if len(note) > NOTE_BYTES:
        raise BadNote("it is too long")
    text, found, lines = note.rpartition("\n\n")
    if not found or not lines.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise BadNote("it is no signed note")
    signatures = [SIGNATURE.fullmatch(line) for line in lines[:-1].split("\n")]
    if not all(signatures) or len(signatures) > SIGNATURES:
        raise BadNote("it has a line that is no signature")
    return f"{text}\n", [(each[1], each[2]) for each in signatures if each]


def _checkpoint(text: str) -> Checkpoint:
    """The first three lines; what others write beneath them says nothing about the log."""
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or not SIZE.fullmatch(lines[1]):
        raise BadNote("it is no tree head")
    root_hash = _base64(lines[2])
    if len(root_hash) != HASH_BYTES:
        raise BadNote("its root is no SHA-256")
    return Checkpoint(lines[0], int(lines[1]), root_hash)


def _base64(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise BadNote(f"{encoded!r} is no base64") from None
