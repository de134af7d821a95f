"""What the shop asks of a mail server, and the adapter over SMTP."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from storefront.db import forbid_open_transaction
from storefront.errors import Invalid, Unavailable

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message ready to go. `message_id` stays the same when it is sent again after a crash,
    so receiving servers can drop the double (RFC 5322, 3.6.4)."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str
    locale: str


class MailUnavailable(Unavailable):
    """The mail server is away or says "later": try again."""

    def __init__(self, message: str) -> None:
        super().__init__("mail_unavailable", message)


class MailRefused(Invalid):
    """The mail server says "never": this address or this message will not be taken."""

    def __init__(self, message: str) -> None:
        super().__init__("mail_refused", message)


class Mailer(Protocol):
    """Something that takes a mail for good or raises."""

    def send(self, mail: Mail) -> None:
        """Hand over one mail. Raises MailUnavailable (temporary) or MailRefused (final)."""
        ...


class SmtpMailer:
    """SMTP by a URL: smtp://user:password@host:587?starttls=required, or smtps:// for TLS from
    the first byte. STARTTLS is used whenever the server offers it."""

    def __init__(self, *, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (465 if parts.scheme == "smtps" else 587)
        self._tls_first = parts.scheme == "smtps"
        self._tls_required = parse_qs(parts.query).get("starttls") == ["required"]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """See Mailer."""
        forbid_open_transaction("SMTP")
        message = self._compose(mail)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            raise _by_code(code) from error
        except smtplib.SMTPResponseException as error:
            raise _by_code(error.smtp_code) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailUnavailable(type(error).__name__) from error

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls_first:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
            server.ehlo()
            if self._tls_required or server.has_extn("starttls"):
                server.starttls(context=context)
        if self._user:
            server.login(self._user, self._password)
        return server

    def _compose(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = formatdate(localtime=False)
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        message["Message-ID"] = f"<{mail.message_id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        # Set before, it would have moved into the text part with the other Content- headers.
        message["Content-Language"] = mail.locale
        return message


def _by_code(code: int) -> MailUnavailable | MailRefused:
    # 535 is our own password, not the reader's address: worth another try once it is mended.
    if 500 <= code < 600 and code not in (530, 534, 535):
        return MailRefused(str(code))
    return MailUnavailable(str(code))
