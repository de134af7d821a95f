"""Where a webhook may go: every spelling of a private place is refused."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from storefront.errors import Invalid
from storefront.providers.targets import is_public, read_target, sandbox_of

SANDBOX = sandbox_of("http://127.0.0.1:5010/discord")
REFUSED = {
    "bad_url": (
        *("", "example.com", "//example.com/x", "ftp://example.com/", "javascript:alert(1)"),
        *("https://", "https://exa mple.com/", "https://example.com/\r\nX: y", "https://a\\b.com/"),
        *("https://example.com:99999/", "https://example.com:0/", "https://[::1/", "https://.com/"),
        *("https://exam!ple.com/", "https://example.com/#x", "https://example.com/" + "a" * 500),
        *("https://example.com/ไทย", "https://-a.example.com/", "https://a..example.com/"),
    ),
    "url_not_https": (
        *("http://example.com/", "http://127.0.0.1:5011/receiver", "http://localhost:5010/"),
        *("HTTP://EXAMPLE.COM/", "http://127.1:5010/", "http://[::ffff:127.0.0.1]:5010/"),
    ),
    "url_has_user": ("https://user:pass@example.com/", "https://x@example.com/"),
    "url_port": ("https://example.com:80/", "https://example.com:6379/", "https://10.0.0.1:22/"),
    "url_not_public": (
        *("https://localhost/", "https://LOCALHOST./", "https://printer/", "https://a.localhost/"),
        *("https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/"),
        *("https://0177.0.0.1/", "https://0/", "https://10.0.0.8/", "https://169.254.169.254/"),
        *("https://8.8.8.8/", "https://[::1]/", "https://[::]/", "https://[fe80::1%25eth0]/"),
        *("https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/"),
        *("https://１２７.０.０.１/", "https://127。0。0。1/", "https://127.0.0.1./"),
        *("https://metadata.internal/", "https://nas.local/", "https://router.lan/"),
        *("https://box.home.arpa/", "https://1.2.3/", "https://example.123/"),
    ),
}


@pytest.mark.parametrize(
    ("code", "url"), [(code, url) for code, urls in REFUSED.items() for url in urls]
)
def test_what_is_no_public_https_server_is_refused(code: str, url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_target(url, sandbox=SANDBOX)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://Hooks.Example.com:8443/a/b?c=d", "hooks.example.com", 8443, "/a/b?c=d"),
        ("https://ร้าน.example.com/x", "xn--q3ct9b5e.example.com", 443, "/x"),
        ("https://example.com./", "example.com", 443, "/"),
    ],
)
def test_a_named_server_is_fine(url: str, host: str, port: int, path: str) -> None:
    target = read_target(url)

    assert (target.host, target.port, target.path) == (host, port, path)


def test_the_sandbox_is_the_one_exception_and_only_where_there_is_one() -> None:
    assert read_target("http://127.0.0.1:5010/receiver", sandbox=SANDBOX).path == "/receiver"
    with pytest.raises(Invalid):
        read_target("http://127.0.0.1:5010/receiver")


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.8"),
        *("192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9"),
        *("192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1"),
        *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "fc00::1", "fd12::1"),
        *("fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1"),
        *("5f00::1", "4000::1"),
    ],
)
def test_no_address_of_these_is_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1"),
        *("11.0.0.1", "223.255.255.1", "2606:4700::1111", "2001:4860:4860::8888", "2400::1"),
    ],
)
def test_these_are_public(address: str) -> None:
    assert is_public(ip_address(address))
