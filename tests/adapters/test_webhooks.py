"""Where a webhook may go, and with what it is signed."""

import pytest
from standardwebhooks.webhooks import Webhook

from adapters.webhooks import BadSecret, Outcome, headers_of, is_public, key_of, names_private_network


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1"),
        *("ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2002:a00:1::", "2001:db8::1", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_addresses_of_private_networks_are_known_in_every_disguise(address: str) -> None:
    assert not is_public(address)
    assert names_private_network(f"[{address}]" if ":" in address else address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_of_the_public_internet_are_not_refused(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("host", "private"),
    [("localhost", True), ("LOCALHOST.", True), ("db.localhost", True), ("crm.example", False)],
)
def test_of_names_only_localhost_is_known_to_be_private(host: str, private: bool) -> None:
    assert names_private_network(host) is private


def test_a_secret_after_whsec_is_base64() -> None:
    assert key_of("whsec_c2VjcmV0") == b"secret"
    assert key_of("secret of ours") == b"secret of ours"
    with pytest.raises(BadSecret):
        key_of("whsec_*")


def test_a_strangers_library_accepts_the_headers() -> None:
    headers = headers_of("whsec_c2VjcmV0", "id", b'{"type":"x"}')

    assert Webhook("whsec_c2VjcmV0").verify(b'{"type":"x"}', headers) == {"type": "x"}


@pytest.mark.parametrize(
    ("status", "delivered"), [(200, True), (204, True), (301, False), (410, False), (None, False)]
)
def test_only_2xx_is_delivered(status: int | None, delivered: bool) -> None:
    assert Outcome(status).delivered is delivered
    assert Outcome(status).gone is (status == 410)
