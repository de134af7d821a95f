"""Addresses and networks of game servers."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.errors import Invalid
from storefront.licenses.addresses import network_of, parse_address, parse_network, server_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("::ffff:cb00:7107", "203.0.113.7/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_server_is_its_ipv4_address_or_its_ipv6_network(address: str, network: str) -> None:
    assert str(network_of(address)) == network
    assert server_of(address)[1] == network


@pytest.mark.parametrize(
    ("typed", "network"),
    [
        (" 203.0.113.7 ", "203.0.113.7/32"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::1/128", "2001:db8::/64"),
        ("2001:db8::/48", "2001:db8::/48"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_block_is_read_as_a_person_types_it(typed: str, network: str) -> None:
    assert str(parse_network(typed)) == network


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", "x", "203.0.113", "203.0.113.256", "203.0.113.7/33", "203.0.113.7/-1", "/24"),
        *("1.2.3.4/", "1.2.3.4/x", "1.2.3.4/24/24", "01.2.3.4", "2001:db8::/129", ":::", "1" * 65),
        *("0x7f000001", "2130706433", "localhost", "\0", "١.٢.٣.٤", "*", "203.0.113.*"),
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_network(typed)
    assert refusal.value.code == "bad_address"
    assert parse_address(typed) is None
    assert server_of(typed) == ("0.0.0.0", "0.0.0.0/32")


@given(st.ip_addresses(v=4))
def test_ipv4_means_the_same_in_the_clothes_of_ipv6(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)

    assert network_of(address) == network_of(mapped) == parse_network(str(mapped))
    assert server_of(str(mapped))[0] == str(address)


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
def test_two_ipv6_addresses_are_one_server_if_their_first_halves_agree(
    one: ipaddress.IPv6Address, other: ipaddress.IPv6Address
) -> None:
    neighbour = ipaddress.IPv6Address(one.packed[:8] + other.packed[8:])

    assert one in network_of(one) or one.ipv4_mapped
    if not one.ipv4_mapped and not neighbour.ipv4_mapped:
        assert network_of(one) == network_of(neighbour)


@given(st.ip_addresses().map(str), st.integers(0, 128))
def test_every_block_holds_the_address_it_was_made_of(address: str, prefix: int) -> None:
    parsed = ipaddress.ip_address(address)
    if prefix > parsed.max_prefixlen:
        return

    network = parse_network(f"{address}/{prefix}")

    assert (parse_address(address) or parsed) in network or parsed in network


@given(st.text(max_size=70))
def test_no_text_at_all_makes_the_reading_fail(typed: str) -> None:
    address, network = server_of(typed)
    assert ipaddress.ip_address(address)
    assert ipaddress.ip_network(network)
    with suppress(Invalid):
        assert ipaddress.ip_network(str(parse_network(typed)))
