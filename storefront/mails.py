"""Writing mail in the reader's language: templates, translations, and what each mail is about.

Free of Flask, because the worker writes mail: a Jinja environment of its own over the same
templates folder and the same translations.

A guest cannot sign in, so every address of the account in a mail to a guest goes through their
personal link, which whoever sends the mail has issued before (see `find_guest_readers`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from storefront.accounts.models import User
from storefront.catalog.alerts import EVENT as BACK_IN_STOCK
from storefront.catalog.alerts import notice_key
from storefront.config import Settings
from storefront.guests.queries import find_recovery, list_open_guests, list_purchases
from storefront.language import date_text, datetime_text, money_text, text_of
from storefront.licenses import notices as licenses
from storefront.notifications.models import Notification
from storefront.orders.models import Order, OrderLine
from storefront.orders.wording import name_of
from storefront.outgoing import notices as outgoing
from storefront.paths import ROOT
from storefront.payments.models import Payment
from storefront.providers.mail import Mail
from storefront.providers.payments import PayBy
from storefront.receipts.queries import find_receipt_about
from storefront.reconciliation import alerts as reconciliation
from storefront.refunds.models import Refund
from storefront.tebex.mailing import CLAIM_MAIL, find_claim_mail, list_waiting
from storefront.wallet.models import TopUp

# Who reads it, at which address, in which language, and what it is about. A mail about several
# guests has no reader of its own, but names them under "guests".
Context = tuple[UUID | None, str | None, str, Mapping[str, Any]]


def find_guest_readers(session: Session, *, event: str, subject_id: UUID) -> Mapping[UUID, str]:
    """The guests for whom a mail needs a personal link, with the address it goes to; nobody for a
    mail to a member. Raises like `compose_mail`."""
    reader_id, to, _locale, context = _READERS[event](session, subject_id)
    if not to:
        return {}
    ids = [one.id for one in context.get("guests", ())] + ([reader_id] if reader_id else [])
    return dict.fromkeys(list_open_guests(session, ids), to)


def find_claim_readers(session: Session, *, event: str, subject_id: UUID) -> Mapping[UUID, str]:
    """The purchases for which a mail needs a claim link, with the address it goes to. Raises like
    `compose_mail`."""
    _reader_id, to, _locale, context = _READERS[event](session, subject_id)
    return {} if not to else {one.id: to for one in context.get("purchases", ())}


def compose_mail(
    session: Session,
    settings: Settings,
    *,
    event: str,
    subject_id: UUID,
    links: Mapping[UUID, str] = MappingProxyType({}),
    claims: Mapping[UUID, str] = MappingProxyType({}),
) -> Mail | None:
    """Write the mail for an event; None when its reader has no address. `links` are the tokens
    that were issued for its guests, `claims` those for its purchases. Raises KeyError for an
    unknown event and NoResultFound for an unknown subject."""
    reader_id, to, locale, context = _READERS[event](session, subject_id)
    if not to:
        return None
    language = "/en" if locale == "en" else ""
    prefix = settings.public_url + language
    token = links.get(reader_id) if reader_id else None

    def address(page: str) -> str:
        if token is None:
            return prefix + page
        return f"{prefix}/guest/{token}?next={quote(language + page)}"

    receipt_id = find_receipt_about(session, subject_id)
    values = {
        **context,
        "locale": locale,
        "shop_name": settings.shop_name,
        "home_url": f"{prefix}/",
        "prefix": prefix,
        "licences_url": address("/account/licenses"),
        "downloads_url": address("/account/downloads"),
        "wallet_url": address("/account/wallet"),
        "orders_url": address("/account/orders"),
        "order_url": address(f"/account/orders/{subject_id}"),
        "refunded_url": address(f"/account/orders/{context.get('order_id')}"),
        "path_url": address(str(context.get("path", "/account"))),
        "receipt_url": receipt_id and address(f"/account/receipts/{receipt_id}"),
        "is_guest": bool(links),
        "recover_url": f"{prefix}/guest/recover",
        "link_of": {guest_id: f"{prefix}/guest/{own}" for guest_id, own in links.items()},
        "claim_of": {one: f"{prefix}/claim/{own}" for one, own in claims.items()},
    }
    environment = _environment(locale)
    subject, text, html = (
        environment.get_template(f"emails/{event}/{part}").render(values)
        for part in ("subject.txt", "body.txt", "body.html")
    )
    return Mail(
        to=to,
        subject=" ".join(subject.split()),
        text=text.strip() + "\n",
        html=html,
        message_id=sha256(f"{event}:{subject_id}".encode()).hexdigest()[:32],
        locale=locale,
    )


def _about_order(session: Session, order_id: UUID) -> Context:
    order = session.scalars(
        select(Order).where(Order.id == order_id).options(selectinload(Order.lines))
    ).one()
    return order.user_id, order.email, order.locale, {"order": order, "total": order.total}


def _about_topup(session: Session, topup_id: UUID) -> Context:
    topup, user = session.execute(
        select(TopUp, User).join(User, User.id == TopUp.user_id).where(TopUp.id == topup_id)
    ).one()
    return user.id, user.email, user.locale, {"amount": topup.amount, "topup": topup}


def _about_credit(session: Session, payment_id: UUID) -> Context:
    payment, user = session.execute(
        select(Payment, User).join(User, User.id == Payment.user_id).where(Payment.id == payment_id)
    ).one()
    about = {"amount": payment.amount, "reference": payment.label}
    return user.id, user.email, payment.locale, about


def _about_refund(session: Session, refund_id: UUID) -> Context:
    refund, user, order, payment = session.execute(
        select(Refund, User, Order, Payment)
        .join(User, User.id == Refund.user_id)
        .outerjoin(Order, Order.id == Refund.order_id)
        .outerjoin(Payment, Payment.id == Refund.payment_id)
        .where(Refund.id == refund_id)
        .options(selectinload(Refund.lines))
    ).one()
    locale = order.locale if order else user.locale
    names = {
        line.id: name_of(line, locale)
        for line in session.scalars(select(OrderLine).where(OrderLine.order_id == refund.order_id))
    }
    return (
        user.id,
        (order.email if order else None) or user.email,
        locale,
        {
            "amount": refund.paid_out,
            "destination": refund.destination,
            "is_promptpay": payment is not None and payment.pay_by == PayBy.PROMPTPAY,
            "reason": refund.reason,
            "reference": order.reference if order else None,
            "lines": [(names[line.order_line_id], line.amount) for line in refund.lines],
            "order_id": refund.order_id,
        },
    )


def _about_alert(session: Session, alert_id: UUID) -> Context:
    # The alert itself is gone by now; what it was about stands in the notice.
    notice, user = session.execute(
        select(Notification, User)
        .join(User, User.id == Notification.user_id)
        .where(Notification.dedupe_key == notice_key(alert_id))
    ).one()
    return user.id, user.email, user.locale, {"wanted": notice.context, "path": notice.path}


def _about_links(session: Session, recovery_id: UUID) -> Context:
    asked = find_recovery(session, recovery_id)
    guests = list_purchases(session, asked.email) if asked else ()
    if asked is None or not guests:
        return None, None, "th", {}
    return None, asked.email, asked.locale, {"guests": guests}


def _about_claims(session: Session, mail_id: UUID) -> Context:
    asked = find_claim_mail(session, mail_id)
    waiting = list_waiting(session, asked.email) if asked else ()
    if asked is None or not waiting:
        return None, None, "th", {}
    return None, asked.email, asked.locale, {"purchases": waiting}


def _about_reconciliation(event: str) -> Callable[[Session, UUID], Context]:
    def read(session: Session, alert_id: UUID) -> Context:
        key = reconciliation.notice_key(event, alert_id)
        notice, user = session.execute(
            select(Notification, User)
            .join(User, User.id == Notification.user_id)
            .where(Notification.dedupe_key == key)
        ).one()
        return user.id, user.email, user.locale, {"alert": notice.context, "path": notice.path}

    return read


def _about_license(session: Session, event_id: UUID) -> Context:
    notice, user = session.execute(
        select(Notification, User)
        .join(User, User.id == Notification.user_id)
        .where(Notification.dedupe_key == licenses.notice_key(event_id))
    ).one()
    end = notice.context.get("until")
    about = {
        "news": notice.event,
        "name": notice.context.get(f"name_{user.locale}", ""),
        "who": notice.context.get("who", ""),
        "count": notice.context.get("count", ""),
        "until": datetime.fromisoformat(end) if end else None,
        "path": notice.path,
    }
    return user.id, user.email, user.locale, about


def _about_endpoint(session: Session, subject_id: UUID) -> Context:
    notice, user = session.execute(
        select(Notification, User)
        .join(User, User.id == Notification.user_id)
        .where(Notification.dedupe_key == outgoing.notice_key(subject_id))
    ).one()
    return user.id, user.email, user.locale, {"off": notice.context, "path": notice.path}


_READERS: Mapping[str, Callable[[Session, UUID], Context]] = {
    "order_completed": _about_order,
    "topup_completed": _about_topup,
    "payment_credited": _about_credit,
    "refund_sent": _about_refund,
    "refund_succeeded": _about_refund,
    "refund_failed": _about_refund,
    BACK_IN_STOCK: _about_alert,
    reconciliation.DIFFERENCES: _about_reconciliation(reconciliation.DIFFERENCES),
    reconciliation.FAILED: _about_reconciliation(reconciliation.FAILED),
    outgoing.SWITCHED_OFF: _about_endpoint,
    "guest_links": _about_links,
    CLAIM_MAIL: _about_claims,
    licenses.MAIL: _about_license,
}


@functools.cache
def _environment(locale: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    translations = Translations.load(ROOT / "storefront" / "translations", [locale])
    cast("Any", environment).install_gettext_translations(translations, newstyle=True)
    environment.filters.update(
        money=money_text,
        date=lambda moment: date_text(moment, locale),
        datetime_text=lambda moment: datetime_text(moment, locale),
    )
    environment.globals["text_of"] = lambda row, name: text_of(row, name, locale)
    return environment
