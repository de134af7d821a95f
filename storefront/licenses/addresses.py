"""Where a game server asks from: addresses as they come, and the networks that slots are bound to.

One server is an IPv4 address exactly, or the /64 of an IPv6 address, because a host hands out a
whole /64 and its systems change the rest of it as they like (RFC 8981). IPv4 in the clothes of
IPv6 (::ffff:203.0.113.7, RFC 4291, 2.5.5.2) is IPv4.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from storefront.errors import Invalid
from storefront.licenses.usage_models import Address, Network

UNKNOWN: Final = ipaddress.IPv4Address(0)
_LONGEST_TEXT: Final = 64
_V6_SERVER_BITS: Final = 64
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


def parse_address(text: str) -> Address | None:
    """An address as it came with a request, IPv4 where it is mapped; None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # A zone (fe80::1%eth0) says something about the shop's machine only.
        return address.ipv4_mapped or ipaddress.IPv6Address(address.packed)
    return address


def network_of(address: Address | str) -> Network:
    """The server behind an address: IPv4 /32, IPv6 /64, IPv4-mapped as IPv4.

    Raises Invalid `bad_address` for a text that is no address.
    """
    parsed = parse_address(address) if isinstance(address, str) else parse_address(str(address))
    if parsed is None:
        raise Invalid("bad_address", str(address)[:_LONGEST_TEXT])
    if isinstance(parsed, ipaddress.IPv4Address):
        return ipaddress.IPv4Network(parsed)
    return ipaddress.IPv6Network((parsed, _V6_SERVER_BITS), strict=False)


def parse_network(text: str) -> Network:
    """An address or a block in CIDR notation (RFC 4632) as a person typed it: bits beyond the
    prefix are dropped, a lone IPv6 address means its /64, mapped IPv4 is IPv4.

    Raises Invalid `bad_address`.
    """
    typed = text.strip()
    if not typed or len(typed) > _LONGEST_TEXT:
        raise Invalid("bad_address", typed[:_LONGEST_TEXT])
    if "/" not in typed:
        return network_of(typed)
    try:
        network = ipaddress.ip_network(typed, strict=False)
    except ValueError as error:
        raise Invalid("bad_address", typed) from error
    if isinstance(network, ipaddress.IPv6Network):
        return _out_of_v6(network)
    return network


@lru_cache(maxsize=4096)
def server_of(remote_address: str) -> tuple[str, str]:
    """Address and network, as text, of a request's peer. A peer without an address, as behind a
    socket of the file system, is 0.0.0.0: see docs/operations.md."""
    address = parse_address(remote_address) or UNKNOWN
    return str(address), str(network_of(address))


def _out_of_v6(network: ipaddress.IPv6Network) -> Network:
    if network.subnet_of(_MAPPED):
        inner = network.network_address.packed[-4:]
        return ipaddress.IPv4Network((inner, network.prefixlen - _MAPPED.prefixlen))
    if network.prefixlen > _V6_SERVER_BITS:
        return network.supernet(new_prefix=_V6_SERVER_BITS)
    return network
