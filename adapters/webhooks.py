"""Telling a company's own systems over HTTP, signed as the Standard Webhooks specification says.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import socket
import time
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

TIMEOUT_S = 10.0
"""Longest time of one attempt, from looking up the name to the answer's status."""

SECRET_PREFIX = "whsec_"
NAT64 = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for the IPv4 address at their end (RFC 6052)."""

USER_AGENT = "Chatledger/1 (webhooks)"


class BadSecret(ValueError):
    """What follows `whsec_` is not base64, or too short."""


class Forbidden(Exception):
    """The name stands for an address that webhooks may not reach."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """status_code: of the answer; None where there was none, and then error says why in a few words."""

    status_code: int | None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more, ever."""
        return self.status_code == httpx.codes.GONE


class Sender:
    """Makes one attempt at a time for each that asks; follows no redirect and uses no proxy.

    Each attempt connects anew to the address that was checked, so a name that changes its mind between the
    check and the connection gains nothing.
    """

    def __init__(self, *, private_networks: bool, timeout_s: float = TIMEOUT_S) -> None:
        """private_networks: whether loopback, private and link-local addresses may be reached."""
        self.private_networks = private_networks
        self.timeout_s = timeout_s

    async def send(self, url: str, secret: str, message_id: str, body: bytes) -> Outcome:
        """Post a message; whatever goes wrong is an outcome."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._send(httpx.URL(url), headers_of(secret, message_id, body), body)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(None, f"no answer within {self.timeout_s:g} s")
        except Forbidden:
            return Outcome(None, "the name stands for an address on a private network")
        except socket.gaierror:
            return Outcome(None, "the name is not known")
        except Exception as error:  # one receiver's trouble must not become everybody's
            return Outcome(None, f"no connection ({type(error).__name__})")

    async def close(self) -> None:
        if "_client" in self.__dict__:
            await self._client.aclose()

    async def _send(self, url: httpx.URL, headers: dict[str, str], body: bytes) -> Outcome:
        refused: httpx.HTTPError | None = None
        for address in await self._addresses(url):
            try:
                return await self._post(url, address, headers, body)
            except httpx.ConnectError as error:
                refused = error
        raise refused or httpx.ConnectError("no address")

    async def _post(self, url: httpx.URL, address: str, headers: dict[str, str], body: bytes) -> Outcome:
        """The status is enough: what the receiver says beside it is not read."""
        async with self._client.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={**headers, "Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        ) as response:
            error = None if response.is_success else f"answered {response.status_code}"
            return Outcome(response.status_code, error)

    async def _addresses(self, url: httpx.URL) -> list[str]:
        """What the host's name stands for now; one address that may not be reached spoils them all."""
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(
            url.raw_host.decode("ascii").strip("[]"), port, type=socket.SOCK_STREAM
        )
        addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
        if not self.private_networks and not all(map(is_public, addresses)):
            raise Forbidden
        return addresses

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        """Made when it is needed: reading the trusted certificates takes longer than a start should.

        It is not to log what it asks for: a URL may hold a password.
        """
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=self.timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
        )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also one that is wrapped in an IPv6 address."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        ip = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else inner or ip
    site_local = isinstance(ip, IPv6Address) and ip.is_site_local
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or site_local)


def names_private_network(host: str) -> bool:
    """Whether a URL's host says by itself that it is not on the public internet; no name is looked up."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        return not is_public(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def key_of(secret: str) -> bytes:
    """What to sign with: the bytes after `whsec_`, or any other secret's own.

    Raises:
        BadSecret: it begins with `whsec_`, and the rest is no base64.
    """
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise BadSecret(f"what follows {SECRET_PREFIX} must be base64") from None


def headers_of(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of a message that is sent now. message_id: the same for each attempt."""
    timestamp = str(int(time.time()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
