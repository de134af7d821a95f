"""Addresses of game servers: which network a server stands for, and blocks that people write."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from storefront.errors import Invalid
from storefront.licenses.usage_models import Address, Network

V6_PREFIX = 64


def network_of(address: Address | str) -> Network:
    """The network a server is told by: IPv4 exactly, IPv6 by its /64, because a provider gives each
    customer at least that; an IPv4 address in IPv6 clothes (::ffff:a.b.c.d) is IPv4. Raises
    ValueError for a text that is no address."""
    plain = _plain(ip_address(address) if isinstance(address, str) else address)
    if isinstance(plain, IPv4Address):
        return ip_network(plain)
    return ip_network((plain, V6_PREFIX), strict=False)


def parse_network(text: str) -> Network:
    """An address or a block as somebody wrote it, host bits dropped. Raises Invalid
    `bad_address`."""
    try:
        wanted = text.strip()
        if "/" not in wanted:
            return network_of(wanted)
        found = ip_network(wanted, strict=False)
    except ValueError as error:
        raise Invalid("bad_address", "no address and no block") from error
    return _plain_block(found)


def _plain_block(block: Network) -> Network:
    mapped = block.network_address.ipv4_mapped if isinstance(block, IPv6Network) else None
    if mapped is None or block.prefixlen < 96:
        # Servers are told apart by their /64: a smaller block would name none.
        is_small = isinstance(block, IPv6Network) and block.prefixlen > V6_PREFIX
        return block.supernet(new_prefix=V6_PREFIX) if is_small else block
    return ip_network((mapped, block.prefixlen - 96), strict=False)


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
