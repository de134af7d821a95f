"""Paying in three phases: record the intent, speak to the gateway outside any transaction, record
the outcome. A crash between two phases is mended by asking again with the same key."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.accounts.service import hold_person
from storefront.bootstrap import Shop
from storefront.checkout import service
from storefront.checkout.rules import payment_lifetime
from storefront.checkout.service import Wish, close_order, start_order_payment
from storefront.checkout.settlement import Settling, fail_attempt, give_up, settle
from storefront.errors import Conflict, Invalid
from storefront.kit.money import Money
from storefront.orders.models import Order, OrderAction, OrderState, PaymentMethod
from storefront.orders.service import lock_order
from storefront.payments.models import LIVE_STATES, Payment, PaymentPurpose, PaymentState
from storefront.payments.service import create_payment, find_latest_payment, find_live_payment
from storefront.providers.payments import (
    GatewayRefused,
    GatewaySession,
    PayBy,
    SessionRequest,
    SessionStatus,
)
from storefront.wallet.models import TopUpState
from storefront.wallet.service import request_topup


@dataclass(frozen=True, slots=True)
class Placed:
    """An order and, if it is not paid yet, where to pay it."""

    order_id: UUID
    pay_url: str | None


def place_order(
    shop: Shop,
    *,
    user_id: UUID,
    method: PaymentMethod,
    expected_total: Money,
    idempotency_key: str,
    locale: str,
    email: str | None = None,
    wallet_part: Money = Money(0),
) -> Placed:
    """Place the member's cart as an order and open its payment page if one is needed.

    Idempotent by key: a double click, a reload or a retry after a crash finds the same order and
    the same payment page. Raises what `service.place_order` raises, and GatewayUnavailable or
    GatewayRefused, after which the order is kept and can be resumed.
    """
    wish = Wish(
        user_id=user_id,
        method=method,
        expected_total=expected_total,
        idempotency_key=idempotency_key,
        locale=locale,
        email=email,
        wallet_part=wallet_part,
    )
    with shop.database.transaction() as session:
        order = service.place_order(session, wish, vault=shop.vault, now=shop.clock())
        payment = find_live_payment(session, purpose=PaymentPurpose.ORDER, subject_id=order.id)
    if payment is None:
        return Placed(order.id, None)
    return Placed(order.id, _open(shop, payment.id))


def resume_payment(shop: Shop, order_id: UUID, *, user_id: UUID) -> str:
    """The address of the payment page of one's own open order, opened anew where the last
    attempt failed. Raises NotFound, Conflict `order_not_open`, GatewayUnavailable or
    GatewayRefused."""
    with shop.database.transaction() as session:
        hold_person(session, user_id)
        order = lock_order(session, order_id, user_id=user_id)
        if order.state != OrderState.PENDING or not PaymentMethod(order.payment_method).is_gateway:
            raise Conflict("order_not_open")
        payment = find_live_payment(
            session, purpose=PaymentPurpose.ORDER, subject_id=order.id
        ) or start_order_payment(session, order, now=shop.clock())
    return _open(shop, payment.id)


def start_topup(
    shop: Shop,
    *,
    user_id: UUID,
    amount: Money,
    idempotency_key: str,
    locale: str,
    pay_by: PayBy = PayBy.CARD,
    package_id: UUID | None = None,
) -> str:
    """Ask for a top-up and return the address of its payment page. Idempotent by key. Raises what
    `wallet.service.request_topup` raises, Conflict `guests_cannot_top_up`, or `payment_not_open`
    for one that is finished, GatewayUnavailable or GatewayRefused."""
    with shop.database.transaction() as session:
        # One user's attempts queue up here, so a double click finds its twin's top-up.
        user = session.scalars(select(User).where(User.id == user_id).with_for_update()).one()
        if user.is_guest:
            raise Conflict("guests_cannot_top_up")
        if pay_by is PayBy.PROMPTPAY and user.email is None:
            raise Invalid("email_needed")
        topup = request_topup(
            session,
            user_id=user_id,
            amount=amount,
            idempotency_key=idempotency_key,
            package_id=package_id,
        )
        if topup.state != TopUpState.PENDING:
            raise Conflict("payment_not_open")
        payment = find_live_payment(
            session, purpose=PaymentPurpose.TOPUP, subject_id=topup.id
        ) or create_payment(
            session,
            purpose=PaymentPurpose.TOPUP,
            pay_by=pay_by,
            subject_id=topup.id,
            user_id=user_id,
            amount=topup.amount,
            label=f"{shop.settings.shop_name} wallet",
            email=user.email,
            locale=locale,
            expires_at=shop.clock() + payment_lifetime(pay_by),
        )
    return _open(shop, payment.id)


def refresh_order(shop: Shop, order_id: UUID) -> None:
    """Ask the gateway about an order's latest payment and settle what it says; idempotent.
    Raises GatewayUnavailable or GatewayRefused."""
    _refresh_subject(shop, PaymentPurpose.ORDER, order_id)


def refresh_topup(shop: Shop, topup_id: UUID) -> None:
    """The same for a top-up."""
    _refresh_subject(shop, PaymentPurpose.TOPUP, topup_id)


def refresh_payment(
    shop: Shop,
    payment_id: UUID,
    *,
    session_id: str | None = None,
    intent_id: str | None = None,
) -> None:
    """Ask the gateway about one payment and settle what it says; idempotent. `session_id` and, for
    PromptPay, `intent_id` help where a webhook came before our own note of it. Raises
    GatewayUnavailable or GatewayRefused."""
    payment = _read_payment(shop, payment_id)
    told = intent_id if payment.pay_by == PayBy.PROMPTPAY else session_id
    known_id = payment.gateway_session_id or told
    if payment.state == PaymentState.SUCCEEDED or known_id is None:
        return
    _settle(shop, payment_id, shop.gateway.fetch_session(known_id))


def cancel_order(shop: Shop, order_id: UUID, *, user_id: UUID) -> None:
    """Cancel one's own open order. Its payment page is closed at the gateway first: a buyer who
    paid in that very moment gets the order, and Conflict `order_not_open` is raised. Raises
    NotFound, GatewayUnavailable or GatewayRefused too. Idempotent."""
    now = shop.clock()
    with shop.database.transaction() as session:
        order = lock_order(session, order_id, user_id=user_id)
        if order.state == OrderState.CANCELLED:
            return
        if order.state != OrderState.PENDING:
            raise Conflict("order_not_open")
        payment = find_live_payment(session, purpose=PaymentPurpose.ORDER, subject_id=order.id)
        if payment is None:
            close_order(session, order_id, OrderAction.CANCEL, actor=f"user:{user_id}", now=now)
            return
    session_id = payment.gateway_session_id or _open_session(shop, payment.id).session_id
    _settle(shop, payment.id, shop.gateway.expire_session(session_id), closing=OrderAction.CANCEL)
    with shop.database.reading() as reader:
        state = reader.scalars(select(Order.state).where(Order.id == order_id)).one()
    if state != OrderState.CANCELLED:
        raise Conflict("order_not_open", "the payment was faster")


def close_overdue_payment(shop: Shop, payment_id: UUID) -> None:
    """A payment past its end: ask the gateway, close its page if that is still open, settle.

    One that was never opened has no page anybody was sent to, and if an answer was lost on the
    way the gateway has closed that page by itself by now. Raises GatewayUnavailable or
    GatewayRefused; idempotent.
    """
    payment = _read_payment(shop, payment_id)
    if payment.gateway_session_id is None:
        with shop.database.transaction() as session:
            give_up(session, payment_id, now=shop.clock())
        return
    seen = shop.gateway.fetch_session(payment.gateway_session_id)
    if seen.status is SessionStatus.OPEN:
        seen = shop.gateway.expire_session(payment.gateway_session_id)
    _settle(shop, payment_id, seen)


def close_overdue_order(shop: Shop, order_id: UUID) -> None:
    """A pending order past its end without a live payment expires and gives its stock back;
    idempotent."""
    with shop.database.transaction() as session:
        close_order(session, order_id, OrderAction.EXPIRE, actor="schedule", now=shop.clock())


def _open(shop: Shop, payment_id: UUID) -> str:
    opened = _open_session(shop, payment_id)
    _settle(shop, payment_id, opened)
    # Paid or closed in the meantime: the return page shows what became of it.
    return opened.url or _return_url(shop, _read_payment(shop, payment_id))


def _open_session(shop: Shop, payment_id: UUID) -> GatewaySession:
    payment = _read_payment(shop, payment_id)
    if payment.gateway_session_id is not None:
        return shop.gateway.fetch_session(payment.gateway_session_id)
    try:
        return shop.gateway.open_session(_session_request(shop, payment))
    except GatewayRefused:
        # A refusal is final for this attempt; the next one starts with a new payment.
        with shop.database.transaction() as session:
            fail_attempt(session, payment_id, now=shop.clock())
        raise


def _session_request(shop: Shop, payment: Payment) -> SessionRequest:
    back = _return_url(shop, payment)
    return SessionRequest(
        pay_by=PayBy(payment.pay_by),
        payment_id=str(payment.id),
        idempotency_key=str(payment.id),
        amount=payment.amount,
        description=payment.label,
        email=payment.email,
        locale=payment.locale,
        success_url=back,
        cancel_url=back,
        expires_at=payment.expires_at,
    )


def _return_url(shop: Shop, payment: Payment) -> str:
    prefix = "/en" if payment.locale == "en" else ""
    page = "checkout/orders" if payment.purpose == PaymentPurpose.ORDER else "account/wallet/topups"
    return f"{shop.settings.public_url}{prefix}/{page}/{payment.subject_id}"


def _refresh_subject(shop: Shop, purpose: PaymentPurpose, subject_id: UUID) -> None:
    with shop.database.reading() as reader:
        payment = find_latest_payment(reader, purpose=purpose, subject_id=subject_id)
    if payment is not None and payment.state in LIVE_STATES:
        refresh_payment(shop, payment.id)


def _read_payment(shop: Shop, payment_id: UUID) -> Payment:
    with shop.database.reading() as reader:
        return reader.get_one(Payment, payment_id)


def _settle(
    shop: Shop,
    payment_id: UUID,
    seen: GatewaySession,
    *,
    closing: OrderAction = OrderAction.EXPIRE,
) -> None:
    means = Settling(vault=shop.vault, now=shop.clock(), live_mode=shop.settings.live_mode)
    with shop.database.transaction() as session:
        settle(session, payment_id, seen, means=means, closing=closing)
