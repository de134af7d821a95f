"""Carrying a message: only to what was checked, never longer than its time, never further."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from storefront.bootstrap import Shop
from storefront.db import TransactionMisuse
from storefront.providers import courier as module
from storefront.providers.courier import HttpCourier
from storefront.providers.targets import Address, sandbox_of
from tests.support.receiving import Receiver

HOST = "hooks.example.com"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def resolving(*answers: Sequence[str]) -> Callable[[str, int], Sequence[Address]]:
    """A resolver that gives these answers in turn, and says how often it was asked."""
    left = list(answers)

    def resolve(_host: str, _port: int) -> Sequence[Address]:
        return [ip_address(one) for one in left.pop(0)]

    return resolve


@pytest.fixture
def receiver(sandbox) -> Iterator[Receiver]:
    running = Receiver(sandbox)
    running.forget()
    yield running
    running.forget()


@contextmanager
def plain_server(talk: Callable[[socket.socket], None]) -> Iterator[HttpCourier]:
    """A server of raw bytes on the loopback, as the one place its courier may go."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            with listener.accept()[0] as line:
                talk(line)
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    carrier = HttpCourier(sandbox=sandbox_of(address), timeout=1.0)
    carrier.address = address  # type: ignore[attr-defined]
    yield carrier
    listener.close()


def post(carrier: HttpCourier, url: str | None = None) -> module.Answer:
    return carrier.send(url or carrier.address, headers={"X-A": "b"}, body=b"{}")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "found",
    [
        *(["127.0.0.1"], ["10.0.0.5"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"]),
        *(["64:ff9b::7f00:1"], ["100.64.3.4"], ["fd00::1"], ["0.0.0.0"]),
        # One good address does not make up for a bad one.
        *(["8.8.8.8", "127.0.0.1"], ["2606:4700::1111", "::1"]),
    ],
)
def test_a_name_that_leads_to_a_private_place_is_not_called(
    monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    called: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *args: called.append(args))

    answer = HttpCourier(resolve=resolving(found)).send(f"https://{HOST}/", headers={}, body=b"{}")

    assert (answer.error, called) == ("url_not_public", [])


def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_is_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the second answer would be the loopback, and nobody asks for it."""
    called: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], _timeout: float) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    lookups = resolving(["93.184.215.14"], ["127.0.0.1"])

    answer = HttpCourier(resolve=lookups).send(f"https://{HOST}/", headers={}, body=b"{}")

    assert called == [("93.184.215.14", 443)]
    assert answer.error == "refused"
    assert [str(one) for one in lookups(HOST, 443)] == ["127.0.0.1"], "it was asked once only"


def test_tls_and_host_go_by_the_name_while_the_line_goes_to_the_address(tmp_path: Path) -> None:
    seen: dict[str, object] = {}
    context, authority = certificate_for(HOST, tmp_path)
    context.sni_callback = lambda _sock, name, _context: seen.update(sni=name)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as line:
            seen["request"] = line.recv(4096)
            line.sendall(OK)

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    carrier = HttpCourier(
        resolve=resolving(["127.0.0.1"]), is_allowed=lambda _: True, context=authority
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storefront.providers.targets.PORTS", frozenset({port}))
        answer = carrier.send(f"https://{HOST}:{port}/in?x=1", headers={}, body=b"{}")

    assert (answer.status, answer.body) == (200, "ok")
    assert seen["sni"] == HOST
    assert seen["request"].startswith(b"POST /in?x=1 HTTP/1.1\r\nHost: hooks.example.com:%d" % port)  # type: ignore[attr-defined]


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    context, authority = certificate_for("other.example.com", tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as line:
            context.wrap_socket(line, server_side=True).recv(1)

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    carrier = HttpCourier(
        resolve=resolving(["127.0.0.1"]), is_allowed=lambda _: True, context=authority
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storefront.providers.targets.PORTS", frozenset({port}))
        answer = carrier.send(f"https://{HOST}:{port}/", headers={}, body=b"{}")

    assert answer.error == "bad_certificate"


def test_a_server_that_talks_for_ever_is_cut_off_in_time() -> None:
    def drip(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            line.sendall(b"X-Slow: 1\r\n")
            time.sleep(0.1)

    with plain_server(drip) as carrier:
        began = time.monotonic()
        answer = post(carrier)

    assert answer.error == "timeout"
    assert time.monotonic() - began < 3


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with plain_server(lambda line: time.sleep(5)) as carrier:
        began = time.monotonic()
        assert post(carrier).error == "timeout"
    assert time.monotonic() - began < 3


def test_a_lookup_that_hangs_is_left_in_time() -> None:
    def hang(_host: str, _port: int) -> Sequence[Address]:
        time.sleep(2)
        return []

    began = time.monotonic()
    answer = HttpCourier(resolve=hang, timeout=0.3).send(f"https://{HOST}/", headers={}, body=b"{}")

    assert answer.error == "timeout"
    assert time.monotonic() - began < 1.5


def test_of_a_huge_answer_only_the_first_bytes_are_read() -> None:
    def shout(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            line.sendall(b"a" * 65536)

    with plain_server(shout) as carrier:
        answer = post(carrier)

    assert (answer.status, answer.body) == (200, "a" * module.ANSWER_BYTES)


@pytest.mark.parametrize(
    "said",
    [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 2x OK\r\n\r\n"],
    ids=["nothing", "ssh", "rubbish"],
)
def test_what_does_not_speak_http_is_a_failure_and_no_crash(said: bytes) -> None:
    def speak(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(said)

    with plain_server(speak) as carrier:
        assert post(carrier).error == "not_http"


def test_nobody_listening_is_said_so() -> None:
    free = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()

    answer = HttpCourier(sandbox=sandbox_of(address)).send(address, headers={}, body=b"")

    assert (answer.status, answer.error) == (None, "refused")


def test_a_redirect_is_an_answer_and_not_a_way(shop: Shop, receiver: Receiver) -> None:
    receiver.answers(status=302)

    answer = shop.courier.send(receiver.url, headers={}, body=b"{}")

    assert (answer.status, answer.is_success) == (302, False)
    assert [one["path"] for one in receiver.messages()] == ["/receiver"]


def test_bytes_that_are_no_text_and_nul_can_be_stored(shop: Shop) -> None:
    def speak(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(b"HTTP/1.1 500 X\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\n\xff\x00ab")

    with plain_server(speak) as carrier:
        answer = post(carrier)

    assert (answer.status, answer.body, answer.retry_after) == (500, "��ab", 7)


def test_it_is_never_called_inside_a_transaction(shop: Shop, receiver: Receiver) -> None:
    with pytest.raises(TransactionMisuse), shop.database.transaction():
        shop.courier.send(receiver.url, headers={}, body=b"{}")


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for this name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))
