"""Mail through smtplib, read back as page and as JSON."""

import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from storefront.sandbox.serve import RunningSandbox

Control = Callable[..., Any]


def a_mail(to: str = "anna@example.com", subject: str = "ใบเสร็จของคุณ") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "shop@example.com"
    mail["To"] = to
    mail["Subject"] = subject
    mail.set_content("Your key: <QR-1>\nhttps://shop.example/orders/7.\n")
    mail.add_alternative("<p>ขอบคุณ</p><script>alert(1)</script>", subtype="html")
    return mail


def send(sandbox: RunningSandbox, mail: EmailMessage, password: str = "sandbox") -> None:
    target = urlsplit(sandbox.smtp_url)
    with smtplib.SMTP(target.hostname or "", target.port or 0, timeout=5) as relay:
        relay.login("sandbox", password)
        relay.send_message(mail)


def test_a_mail_is_kept_with_its_thai_subject_and_both_parts(sandbox: RunningSandbox) -> None:
    send(sandbox, a_mail())
    (mail,) = requests.get(f"{sandbox.url}/inbox.json", timeout=5).json()
    assert (mail["to"], mail["from"]) == ("anna@example.com", "shop@example.com")
    assert mail["subject"] == "ใบเสร็จของคุณ"
    assert "<QR-1>" in mail["text"]
    assert "ขอบคุณ" in mail["html"]


def test_the_page_escapes_the_mail_and_locks_its_html_in(sandbox: RunningSandbox) -> None:
    send(sandbox, a_mail())
    (mail,) = requests.get(f"{sandbox.url}/inbox.json", timeout=5).json()
    page = requests.get(f"{sandbox.inbox_url}/{mail['id']}", timeout=5).text
    assert "&lt;QR-1&gt;" in page
    assert '<a href="https://shop.example/orders/7">' in page
    assert "<script>" not in page
    part = requests.get(f"{sandbox.inbox_url}/{mail['id']}/html", timeout=5)
    policy = part.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "sandbox" in policy
    assert requests.get(f"{sandbox.inbox_url}/999", timeout=5).status_code == 404


def test_the_inbox_is_searched_by_recipient_newest_first_and_cleared(
    sandbox: RunningSandbox,
) -> None:
    send(sandbox, a_mail(subject="one"))
    send(sandbox, a_mail("mali@example.com", "two"))
    send(sandbox, a_mail(subject="three"))
    url = f"{sandbox.url}/inbox.json"
    found = requests.get(url, params={"to": "Anna@"}, timeout=5).json()
    assert [mail["subject"] for mail in found] == ["three", "one"]
    listing = requests.get(sandbox.inbox_url, params={"to": "mali"}, timeout=5).text
    assert "two" in listing
    assert "three" not in listing
    assert requests.delete(url, timeout=5).status_code == 204
    assert requests.get(url, timeout=5).json() == []


def test_who_hangs_up_on_a_silent_mail_server_has_sent_nothing(
    sandbox: RunningSandbox, control: Control
) -> None:
    control("mail", delay_ms=60_000)
    target = urlsplit(sandbox.smtp_url)
    relay = smtplib.SMTP(target.hostname or "", target.port or 0, timeout=1)
    relay.login("sandbox", "sandbox")
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        relay.send_message(a_mail())
    relay.close()

    control("mail", delay_ms=0)
    send(sandbox, a_mail(subject="after"))

    (kept,) = requests.get(f"{sandbox.url}/inbox.json", timeout=5).json()
    assert kept["subject"] == "after"


def test_a_wrong_password_sends_nothing(sandbox: RunningSandbox) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError):
        send(sandbox, a_mail(), password="wrong")


def test_the_mail_server_refuses_for_now_for_good_and_altogether(
    sandbox: RunningSandbox, control: Control
) -> None:
    control("mail", refuse="451")
    with pytest.raises(smtplib.SMTPDataError) as later:
        send(sandbox, a_mail())
    assert later.value.smtp_code == 451
    control("mail", refuse="550")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as never:
        send(sandbox, a_mail())
    assert never.value.recipients["anna@example.com"][0] == 550
    control("mail", refuse=None, down=True)
    with pytest.raises(ConnectionRefusedError):
        send(sandbox, a_mail())
    control("mail", down=False)
    send(sandbox, a_mail())
    assert len(requests.get(f"{sandbox.url}/inbox.json", timeout=5).json()) == 1
