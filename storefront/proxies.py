"""Whose address a request really has. Nothing is trusted that the settings do not name."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """WSGI middleware: REMOTE_ADDR becomes the right-most X-Forwarded-For entry that is not one
    of the trusted proxies. From an untrusted peer the header means nothing.

    Where that entry, or the peer itself, is one of `cloudflare`, it becomes CF-Connecting-IP:
    Cloudflare sets it on every request and drops what a visitor sent under that name, while it
    only appends to X-Forwarded-For.
    """

    def __init__(
        self, app: WSGIApplication, proxies: Sequence[str], *, cloudflare: Sequence[str] = ()
    ) -> None:
        self._app = app
        self._networks = _networks(proxies)
        self._cloudflare = _networks(cloudflare)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        peer = environ.get("REMOTE_ADDR", "")
        address, is_trusted = peer, _is_in(peer, self._networks)
        if is_trusted:
            forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
            address = self._beyond_proxies(peer, forwarded)
        is_cloudflare = bool(self._cloudflare) and _is_in(address, self._cloudflare)
        if is_cloudflare:
            visitor = environ.get("HTTP_CF_CONNECTING_IP", "").strip()
            address = visitor if _parse(visitor) else address
        environ["REMOTE_ADDR"] = address
        scheme = environ.get("HTTP_X_FORWARDED_PROTO")
        if (is_trusted or is_cloudflare) and scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)

    def _beyond_proxies(self, peer: str, forwarded: Sequence[str]) -> str:
        address = peer
        for entry in reversed([part.strip() for part in forwarded]):
            if _parse(entry) is None:
                return address
            address = entry
            if not _is_in(entry, self._networks):
                return address
        return address


def _networks(texts: Sequence[str]) -> Sequence[Network]:
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def _is_in(text: str, networks: Sequence[Network]) -> bool:
    address = _parse(text)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=4096)
def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
