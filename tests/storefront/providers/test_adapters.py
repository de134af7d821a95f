"""The adapters with their real libraries against a world that has bad days."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from storefront.bootstrap import Shop
from storefront.errors import NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.providers.discord import DiscordIdentity, IdentityRefused, IdentityUnavailable
from storefront.providers.files import FilesUnavailable, S3Files
from storefront.providers.mail import Mail, MailRefused, MailUnavailable, SmtpMailer
from storefront.providers.payments import (
    GatewayRefused,
    GatewayUnavailable,
    PayBy,
    SessionRequest,
    SessionStatus,
)
from storefront.providers.stripe_gateway import StripeGateway
from storefront.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
NOBODY = "http://127.0.0.1:1"
MAIL = Mail(
    to="nok@example.com", subject="ขอบคุณ", text="a\n", html="<p>a</p>", message_id="m1", locale="th"
)


def wish(
    shop: Shop,
    *,
    amount: Money = baht(100),
    payment_id: str = "",
    pay_by: PayBy = PayBy.CARD,
) -> SessionRequest:
    payment_id = payment_id or str(new_id())
    return SessionRequest(
        pay_by=pay_by,
        payment_id=payment_id,
        idempotency_key=payment_id,
        amount=amount,
        description="QR-100001",
        email="nok@example.com",
        locale="th",
        success_url="http://localhost/back",
        cancel_url="http://localhost/back",
        expires_at=shop.clock() + timedelta(minutes=35),
    )


def test_asking_again_with_the_same_key_finds_the_same_page(shop: Shop) -> None:
    request = wish(shop)

    first, again = shop.gateway.open_session(request), shop.gateway.open_session(request)

    assert first.session_id == again.session_id
    assert first.url == again.url
    assert (first.status, first.amount) == (SessionStatus.OPEN, baht(100))
    assert first.payment_id == request.payment_id
    assert not first.live_mode


def test_an_answer_that_was_lost_is_found_again(shop: Shop, sandbox: RunningSandbox) -> None:
    request = wish(shop)
    fault = {"match": "POST /v1/checkout/sessions", "status": 500, "times": 1}
    requests.post(f"{sandbox.url}/control/stripe", json={"fail_next": [fault]}, timeout=10)

    opened = shop.gateway.open_session(request)

    assert shop.gateway.fetch_session(opened.session_id).payment_id == request.payment_id


def test_a_closed_page_stays_closed_and_a_paid_one_says_so(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    closed, paid = shop.gateway.open_session(wish(shop)), shop.gateway.open_session(wish(shop))
    requests.post(f"{sandbox.url}/control/stripe/sessions/{paid.session_id}/pay", timeout=10)

    for _ in range(2):
        assert shop.gateway.expire_session(closed.session_id).status is SessionStatus.EXPIRED
        seen = shop.gateway.expire_session(paid.session_id)
        assert seen.status is SessionStatus.PAID
        assert (seen.gateway_payment_id or "").startswith("pi_")


def test_a_promptpay_code_is_opened_once_paid_and_closed(
    shop: Shop, sandbox: RunningSandbox
) -> None:
    request = wish(shop, pay_by=PayBy.PROMPTPAY)
    opened, again = shop.gateway.open_session(request), shop.gateway.open_session(request)
    assert opened.session_id == again.session_id
    assert (opened.status, opened.amount, opened.url) == (SessionStatus.OPEN, baht(100), None)
    assert opened.payment_id == request.payment_id
    assert (opened.qr_payload or "").startswith("000201")

    closed = shop.gateway.open_session(wish(shop, pay_by=PayBy.PROMPTPAY))
    intents = f"{sandbox.url}/control/stripe/payment_intents"
    requests.post(f"{intents}/{opened.session_id}/succeed", timeout=10).raise_for_status()
    for _ in range(2):
        seen = shop.gateway.expire_session(opened.session_id)
        assert (seen.status, seen.gateway_payment_id) == (SessionStatus.PAID, opened.session_id)
        assert shop.gateway.expire_session(closed.session_id).status is SessionStatus.EXPIRED


def test_a_promptpay_code_the_bank_refused_has_failed(shop: Shop, sandbox: RunningSandbox) -> None:
    opened = shop.gateway.open_session(wish(shop, pay_by=PayBy.PROMPTPAY))
    intents = f"{sandbox.url}/control/stripe/payment_intents"
    requests.post(f"{intents}/{opened.session_id}/fail", timeout=10).raise_for_status()
    assert shop.gateway.fetch_session(opened.session_id).status is SessionStatus.FAILED


def test_what_the_gateway_refuses_and_what_it_cannot_do_now_are_told_apart(shop: Shop) -> None:
    away = StripeGateway(
        secret_key=shop.settings.stripe_secret_key, webhook_secrets=(), api_url=NOBODY
    )
    stranger = StripeGateway(
        secret_key="sk_test_wrong", webhook_secrets=(), api_url=shop.settings.stripe_api_url
    )

    with pytest.raises(GatewayRefused):
        shop.gateway.fetch_session("cs_unknown")
    with pytest.raises(GatewayRefused):
        shop.gateway.open_session(wish(shop, amount=Money(1)))
    with pytest.raises(GatewayUnavailable, match="misconfigured"):
        stranger.fetch_session("cs_unknown")
    with pytest.raises(GatewayUnavailable):
        away.fetch_session("cs_unknown")


def test_a_file_comes_back_and_a_missing_one_is_said_so(shop: Shop) -> None:
    shop.files.put("a/ไฟล์.zip", b"body", content_type="application/zip")

    stored = shop.files.read("a/ไฟล์.zip")

    assert (stored.body, stored.content_type) == (b"body", "application/zip")
    assert shop.files.has("a/ไฟล์.zip")
    assert not shop.files.has("nothing")
    with pytest.raises(NotFound):
        shop.files.read("nothing")


def test_a_large_file_is_stored_from_its_beginning_wherever_it_was_read_to(shop: Shop) -> None:
    body = os.urandom(9_000_000)
    with tempfile.TemporaryFile() as stream:
        stream.write(body)

        shop.files.put_stream("large.zip", stream, content_type="application/zip")

        assert not stream.closed
    stored = shop.files.read("large.zip")
    assert (stored.body, stored.content_type) == (body, "application/zip")


def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(shop: Shop) -> None:
    shop.files.put("gone.zip", b"body", content_type="application/zip")

    for _ in range(2):
        shop.files.delete("gone.zip")

    assert not shop.files.has("gone.zip")


def test_a_link_downloads_for_a_while_and_cannot_be_changed(shop: Shop) -> None:
    shop.files.put("a.zip", b"body", content_type="text/html")
    shop.files.put("b.zip", b"other", content_type="text/html")

    link = shop.files.signed_link("a.zip", file_name='ก"\r\n.zip', lifetime=timedelta(minutes=5))

    answer = requests.get(link, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"body")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E0")
    assert requests.get(link.replace("a.zip", "b.zip"), timeout=10).status_code == 403
    assert requests.get(link.partition("?")[0], timeout=10).status_code == 403
    for lifetime in (timedelta(minutes=15, seconds=1), timedelta(0)):
        with pytest.raises(ValueError, match="15 minutes"):
            shop.files.signed_link("a.zip", file_name="a.zip", lifetime=lifetime)


def test_a_store_that_is_away_or_refuses_us_is_unavailable(shop: Shop) -> None:
    settings = shop.settings
    for endpoint, secret in ((NOBODY, settings.s3_secret_access_key), (None, "wrong" * 8)):
        files = S3Files(
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=secret,
            endpoint_url=endpoint or settings.s3_endpoint_url,
        )
        with pytest.raises(FilesUnavailable):
            files.read("a")


@pytest.fixture
def post(sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """The mail server, well again afterwards."""
    requests.delete(f"{sandbox.url}/inbox.json", timeout=10)
    yield sandbox
    requests.post(f"{sandbox.url}/control/mail", json={"down": False, "refuse": None}, timeout=10)


def test_a_mail_arrives_with_text_html_and_its_own_id(shop: Shop, post: RunningSandbox) -> None:
    shop.mailer.send(MAIL)

    (mail,) = requests.get(f"{post.url}/inbox.json", timeout=10).json()
    assert (mail["to"], mail["subject"]) == ("nok@example.com", "ขอบคุณ")
    assert (mail["text"].strip(), mail["html"].strip()) == ("a", "<p>a</p>")
    headers = dict(mail["headers"])
    assert headers["Message-ID"] == "<m1@example.com>"
    assert headers["Auto-Submitted"] == "auto-generated"


def test_later_and_never_are_told_apart_by_mail_too(shop: Shop, post: RunningSandbox) -> None:
    control = f"{post.url}/control/mail"
    for refusal, error in (("451", MailUnavailable), ("550", MailRefused)):
        requests.post(control, json={"refuse": refusal}, timeout=10)
        with pytest.raises(error):
            shop.mailer.send(MAIL)
    away = SmtpMailer(url="smtp://u:p@127.0.0.1:1", sender="shop@example.com")
    wrong = SmtpMailer(url=post.smtp_url.replace("://", "://x"), sender="shop@example.com")
    bare = SmtpMailer(url=post.smtp_url + "?starttls=required", sender="shop@example.com")
    for mailer in (away, wrong, bare):
        with pytest.raises(MailUnavailable):
            mailer.send(MAIL)


def test_discord_refusing_and_discord_away_are_told_apart(shop: Shop) -> None:
    settings = shop.settings
    question = {"code": "unknown", "verifier": "v" * 64, "redirect_uri": "http://localhost/x"}
    away = DiscordIdentity(client_id="1", client_secret="x", url=NOBODY)
    stranger = DiscordIdentity(client_id="1", client_secret="x", url=settings.discord_url)

    for identity, error in (
        (shop.identity, IdentityRefused),
        (stranger, IdentityRefused),
        (away, IdentityUnavailable),
    ):
        with pytest.raises(error):
            identity.identify(**question)
