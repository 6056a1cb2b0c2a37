"""The exact bytes of a leaf: an event without its private part, as canonical JSON (RFC 8785).

Of JSON only that part is taken which all who read it read alike: strings, whole numbers below 2^53, true,
false, null, arrays and objects without a doubled name. For these, what Python's own encoder writes is what
RFC 8785 asks for, but for the order of names beyond U+FFFF, which is that of UTF-16.

The private part is covered by its salted digest, a fact like any other; so it can be erased.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any, NoReturn

FIELDS = (
    *("actor", "causation", "facts", "occurred_at", "position"),
    *("recorded_at", "stream_id", "topic", "version", "workspace_id"),
)
"""What is hashed of an event, in the order in which canonical JSON has it."""

PRIVATE, DIGEST, SALT = "private", "private_digest", "salt"
HIGHEST_INTEGER = 2**53 - 1
"""The highest that every reader of JSON reads exactly (RFC 8259, section 6)."""

LEAF_PREFIX = b"\x00"
"""So that no leaf is ever taken for an inner node (RFC 9162, section 2.1.1)."""

Event = Mapping[str, Any]


class Uncanonical(ValueError):
    """JSON that not everybody reads alike, or no JSON at all."""


class Unhashable(Exception):
    """An event has no leaf. position: where it is, as far as it says so."""

    def __init__(self, position: object, reason: str) -> None:
        super().__init__(f"the event at position {position} has no leaf: {reason}")
        self.position, self.reason = position, reason


def _refuse(number: str) -> NoReturn:
    raise Uncanonical(f"{number} is not a whole number")


def _whole_number(digits: str) -> int:
    number = int(digits)
    if abs(number) > HIGHEST_INTEGER:
        raise Uncanonical(f"{number} is beyond 2^53")
    return number


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(members)
    if len(known) != len(members):
        raise Uncanonical("an object has one name twice")
    return known


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_refuse, parse_int=_whole_number, parse_constant=_refuse
).decode
_encode = json.JSONEncoder(
    check_circular=False, sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode
_encode_as_it_is = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def read_json(text: str) -> Any:
    """A value that has a canonical form.

    Raises:
        Uncanonical: this has none.
    """
    try:
        return _decode(text)
    except RecursionError:
        raise Uncanonical("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Uncanonical(f"it is not JSON: {error}") from None


def canonical(value: Any) -> bytes:
    """RFC 8785. value: as `read_json` gives it.

    Raises:
        Uncanonical: a string holds half a surrogate pair.
    """
    text = _encode(value)
    if text.isascii():
        return text.encode()
    try:
        if len(text.encode("utf-16-le")) > 2 * len(text):  # something is beyond U+FFFF
            text = _encode_as_it_is(_in_utf16_order(value))
        return text.encode()
    except UnicodeEncodeError:
        raise Uncanonical("a string holds half a surrogate pair") from None


def leaf_bytes(event: Event) -> bytes:
    """What is hashed of an event. event: with at least FIELDS, as `read_json` gives them.

    Raises:
        Unhashable: a field is missing, or a string is not Unicode.
    """
    try:
        return canonical({name: event[name] for name in FIELDS})
    except KeyError as missing:
        raise Unhashable(event.get("position"), f"it has no {missing.args[0]}") from None
    except Uncanonical as error:
        raise Unhashable(event["position"], str(error)) from None


def leaf_hash(event: Event) -> bytes:
    """SHA-256 over 0x00 and the leaf's bytes.

    Raises:
        Unhashable: as `leaf_bytes`.
    """
    return sha256(LEAF_PREFIX + leaf_bytes(event)).digest()


def private_fits(event: Event) -> bool:
    """Whether the private part is what the facts have the digest of; one that was erased fits.

    The digest is SHA-256, in hex, over the bytes of the salt, which is in hex too, and the canonical JSON of
    the private part without its salt.
    """
    private, digest = event[PRIVATE], event["facts"].get(DIGEST)
    if private is None:
        return True
    try:
        rest = dict(private)
        salt = bytes.fromhex(rest.pop(SALT))
    except (KeyError, TypeError, ValueError):
        return False
    return isinstance(digest, str) and compare_digest(digest, sha256(salt + canonical(rest)).hexdigest())


def _in_utf16_order(value: Any) -> Any:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return {name: _in_utf16_order(value[name]) for name in names}
    return [_in_utf16_order(each) for each in value] if isinstance(value, list) else value
