"""Whose address a request has: only proxies that the settings name are believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.proxies import TrustedProxies

PROXY, OTHER_PROXY = "10.0.0.1", "10.0.0.2"
VISITOR, STRANGER = "203.0.113.7", "198.51.100.9"


def seen(
    peer: str, forwarded: str | None, *, proto: str | None = None, cloudflare: str | None = None
) -> tuple[str, str]:
    """Address and scheme as the shop sees them behind two trusted networks and Cloudflare."""
    found: dict[str, Any] = {}

    def shop(environ: dict[str, Any], _start: Any) -> list[bytes]:
        found.update(environ)
        return []

    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http"}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    if proto is not None:
        environ["HTTP_X_FORWARDED_PROTO"] = proto
    if cloudflare is not None:
        environ["HTTP_CF_CONNECTING_IP"] = cloudflare
    proxies = TrustedProxies(
        shop, ("10.0.0.0/8", "2001:db8::/32"), cloudflare=("173.245.48.0/20", "2400:cb00::/32")
    )
    proxies(environ, None)  # type: ignore[arg-type]
    return found["REMOTE_ADDR"], found["wsgi.url_scheme"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (PROXY, VISITOR, VISITOR),
        (PROXY, f"{VISITOR}, {OTHER_PROXY}", VISITOR),
        (PROXY, f"1.2.3.4, {VISITOR}", VISITOR),
        (PROXY, f"1.2.3.4,{VISITOR},{OTHER_PROXY}", VISITOR),
        (PROXY, f" {VISITOR} ", VISITOR),
        (PROXY, None, PROXY),
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{VISITOR}, nonsense", PROXY),
        (PROXY, OTHER_PROXY, OTHER_PROXY),
        ("2001:db8::1", "2001:4860::8", "2001:4860::8"),
        ("::ffff:10.0.0.1", VISITOR, VISITOR),
        (STRANGER, VISITOR, STRANGER),
        (STRANGER, PROXY, STRANGER),
        ("", VISITOR, ""),
    ],
)
def test_the_address_is_the_last_one_that_no_trusted_proxy_has(
    peer: str, forwarded: str | None, address: str
) -> None:
    assert seen(peer, forwarded)[0] == address


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        (PROXY, "https", "https"),
        (PROXY, "http", "http"),
        (PROXY, "javascript", "http"),
        (STRANGER, "https", "http"),
    ],
)
def test_the_scheme_is_believed_of_trusted_proxies_alone(
    peer: str, proto: str, scheme: str
) -> None:
    assert seen(peer, None, proto=proto)[1] == scheme


EDGE = "173.245.48.5"


@pytest.mark.parametrize(
    ("peer", "forwarded", "cloudflare", "address"),
    [
        (EDGE, None, VISITOR, VISITOR),
        (EDGE, "1.2.3.4", VISITOR, VISITOR),
        ("2400:cb00::1", None, "2001:4860::8", "2001:4860::8"),
        (PROXY, f"1.2.3.4, {EDGE}", VISITOR, VISITOR),
        (EDGE, VISITOR, None, EDGE),
        (EDGE, None, "nonsense", EDGE),
        (STRANGER, None, VISITOR, STRANGER),
        (STRANGER, EDGE, VISITOR, STRANGER),
        (PROXY, f"{EDGE}, {STRANGER}", VISITOR, STRANGER),
        (PROXY, None, VISITOR, PROXY),
    ],
)
def test_cloudflares_own_header_is_believed_of_cloudflare_alone(
    peer: str, forwarded: str | None, cloudflare: str | None, address: str
) -> None:
    assert seen(peer, forwarded, cloudflare=cloudflare)[0] == address


@given(st.text(st.characters(codec="latin-1"), max_size=80))
def test_whatever_a_visitor_forges_before_the_proxy_changes_nothing(forged: str) -> None:
    assert seen(PROXY, f"{forged},{VISITOR}")[0] == VISITOR
    assert seen(STRANGER, forged)[0] == STRANGER
