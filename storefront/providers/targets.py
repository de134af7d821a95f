"""Where the shop may send something on somebody's word: HTTPS, a named host, a public address.

The rules against server-side request forgery (OWASP SSRF prevention; the networks are those of
IANA's special-purpose registries for IPv4 and IPv6). A name is looked up once, every address it has
is checked, and the connection goes to an address that was checked: looking it up again could give
another.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from storefront.errors import Invalid

Address = IPv4Address | IPv6Address

LONGEST_URL: Final = 500
# A webhook is a web server: other ports are other services, and a way to knock at them.
PORTS: Final = frozenset({443, 8443})
_LOCAL_ENDINGS: Final = ("localhost", "local", "internal", "home.arpa", "lan", "test", "invalid")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NOT_PUBLIC: Final = tuple(
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Inside 2000::/3: Teredo and others, documentation, 6to4 with an IPv4 address inside.
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
# All other IPv6 is loopback, local, multicast, reserved, or IPv4 in disguise (mapped, NAT64).
_GLOBAL_IPV6: Final = ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was read: host in ASCII and lower case, path with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_secure(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self.scheme == "https"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who answers there."""
        return self.scheme, self.host, self.port


def read_target(url: str, *, sandbox: Target | None = None) -> Target:
    """Read an address that staff wrote. Where `sandbox` answers is allowed as it is; anything else
    must be HTTPS to a named host. Raises Invalid `bad_url`, `url_not_https`, `url_has_user`,
    `url_port`, or `url_not_public`."""
    target = _split(url)
    if sandbox is not None and target.origin == sandbox.origin:
        return target
    if not target.is_secure:
        raise Invalid("url_not_https")
    if target.port not in PORTS:
        raise Invalid("url_port")
    _check_name(target.host)
    return target


def sandbox_of(url: str) -> Target:
    """Where the sandbox answers, by the address of one of its services."""
    return _split(url)


def is_public(address: Address) -> bool:
    """Whether an address is one that anybody on the internet could be given."""
    if address.version == 6 and address not in _GLOBAL_IPV6:
        return False
    return not any(address.version == block.version and address in block for block in _NOT_PUBLIC)


def _split(url: str) -> Target:
    if not 0 < len(url) <= LONGEST_URL or re.search(r"[\x00-\x20\x7f\\#]", url):
        raise Invalid("bad_url")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode().lower().rstrip(".")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        path.encode("ascii")
    except (ValueError, UnicodeError) as error:
        raise Invalid("bad_url", type(error).__name__) from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise Invalid("bad_url")
    if "@" in parts.netloc:
        raise Invalid("url_has_user")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def _check_name(host: str) -> None:
    """A name with a dot in it. No address, in no spelling: certificates are for names, and
    resolvers read 127.1, 0x7f000001 and 2130706433 as addresses, too."""
    labels = host.split(".")
    if _is_address(host) or len(labels) < 2 or labels[-1].isdecimal():
        raise Invalid("url_not_public", "an address, or no full name")
    if host.endswith(tuple(f".{one}" for one in _LOCAL_ENDINGS)):
        raise Invalid("url_not_public", "a name for local networks")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Invalid("bad_url")


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(host)
        except OSError:
            return False
    return True
