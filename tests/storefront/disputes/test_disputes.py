"""Chargebacks: the money is gone, keys sleep, debts freeze; won or lost, the books say so."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from uuid import UUID

import pytest
import requests
from sqlalchemy import func, select

from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.disputes.flow import refresh_disputes
from storefront.disputes.models import Dispute
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import AccountKind, LedgerAccount, LedgerEntry
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.orders.models import OrderLine, PaymentMethod
from storefront.payments.models import Payment
from storefront.providers.payments import GatewayUnavailable
from storefront.refunds.drafts import OrderRefundDraft, WalletRefundDraft
from storefront.refunds.flow import refund_order, refund_payment
from storefront.refunds.models import Destination, LicenseRule
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.debts import find_debt
from storefront.wallet.models import TopUpPackage
from storefront.wallet.queries import Pots, find_pots
from tests.support.factories import Factory
from tests.support.gateway import act, buy, latest_payment, place, top_up

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")
FEE = baht(150)


@pytest.fixture
def staff(make: Factory) -> User:
    return make.user(role=Role.ADMIN)


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user()


@pytest.fixture
def order(shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User) -> Payment:
    """The payment of an order of 300 baht by card."""
    make.cart(buyer, (make.product(price=baht(300)), 1))
    return latest_payment(shop, buy(shop, sandbox, buyer, baht(300)))


def dispute(shop: Shop, sandbox: RunningSandbox, payment: Payment, **values: object) -> Dispute:
    act(sandbox, payment.gateway_payment_id, "dispute", **values)
    refresh_disputes(shop, payment.id)
    return the_dispute(shop)


def the_dispute(shop: Shop) -> Dispute:
    with shop.database.reading() as session:
        return session.scalars(select(Dispute)).one()


def decide(shop: Shop, sandbox: RunningSandbox, payment: Payment, outcome: str) -> Dispute:
    act(sandbox, the_dispute(shop).gateway_dispute_id, outcome)
    refresh_disputes(shop, payment.id)
    return the_dispute(shop)


def license_of(shop: Shop) -> str:
    with shop.database.reading() as session:
        return session.scalars(select(License.status)).one()


def balance(shop: Shop, kind: AccountKind) -> Money:
    with shop.database.reading() as session:
        satang = session.scalar(
            select(func.coalesce(func.sum(LedgerEntry.amount_satang), 0))
            .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
            .where(LedgerAccount.kind == kind)
        )
    return Money(int(satang or 0))


def pots_of(shop: Shop, user: User) -> Pots:
    with shop.database.reading() as session:
        return find_pots(session, user.id)


def debt_of(shop: Shop, user: User) -> Money:
    with shop.database.reading() as session:
        return find_debt(session, user.id)


def test_an_open_dispute_suspends_the_keys_and_takes_the_money_out_of_the_books(
    shop: Shop, sandbox: RunningSandbox, staff: User, order: Payment
) -> None:
    opened = dispute(shop, sandbox, order)

    assert (opened.state, opened.fee) == ("open", FEE)
    assert license_of(shop) == "suspended"
    assert balance(shop, AccountKind.GATEWAY) == FEE
    assert balance(shop, AccountKind.DISPUTES) == baht(-300)
    with shop.database.reading() as session:
        events = session.scalars(select(Notification.event).order_by(Notification.event))
        assert {"dispute_began", "dispute_open"} <= set(events)


def test_a_won_dispute_brings_keys_and_money_back_but_not_the_fee(
    shop: Shop, sandbox: RunningSandbox, order: Payment
) -> None:
    dispute(shop, sandbox, order)
    won = decide(shop, sandbox, order, "won")

    assert (won.state, license_of(shop)) == ("won", "active")
    assert balance(shop, AccountKind.DISPUTES) == baht(0)
    assert balance(shop, AccountKind.GATEWAY) == baht(-300) + FEE
    assert balance(shop, AccountKind.FEES) == -FEE


def test_a_lost_dispute_ends_the_keys_and_is_a_loss(
    shop: Shop, sandbox: RunningSandbox, order: Payment
) -> None:
    dispute(shop, sandbox, order)
    lost = decide(shop, sandbox, order, "lost")

    assert (lost.state, license_of(shop)) == ("lost", "revoked")
    assert balance(shop, AccountKind.LOSSES) == baht(-300)
    assert balance(shop, AccountKind.DISPUTES) == baht(0)


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_events_that_were_missed_come_to_the_same(
    shop: Shop, sandbox: RunningSandbox, order: Payment, outcome: str
) -> None:
    act(sandbox, order.gateway_payment_id, "dispute")
    seen = shop.gateway.list_disputes(order.gateway_payment_id or "")
    act(sandbox, seen[0].gateway_dispute_id, outcome)

    refresh_disputes(shop, order.id)

    assert the_dispute(shop).state == outcome
    assert license_of(shop) == {"won": "active", "lost": "revoked"}[outcome]


def test_a_key_that_staff_revoked_stays_revoked_when_the_dispute_is_won(
    shop: Shop, sandbox: RunningSandbox, staff: User, order: Payment
) -> None:
    with shop.database.transaction() as session:
        session.scalars(select(License)).one().status = "revoked"
    dispute(shop, sandbox, order)
    decide(shop, sandbox, order, "won")
    assert license_of(shop) == "revoked"


def test_a_disputed_order_is_not_refunded(
    shop: Shop, sandbox: RunningSandbox, staff: User, order: Payment
) -> None:
    dispute(shop, sandbox, order)
    for outcome in ("open", "lost"):
        if outcome == "lost":
            decide(shop, sandbox, order, "lost")
        for destination in Destination:
            with pytest.raises(Conflict) as refused:
                refund_order(
                    shop,
                    order.subject_id,
                    refund_draft(shop, order.subject_id, destination),
                    actor_id=staff.id,
                )
            assert refused.value.code == "order_disputed"


def refund_draft(shop: Shop, order_id: UUID, destination: Destination) -> OrderRefundDraft:
    with shop.database.reading() as session:
        line = session.scalars(select(OrderLine).where(OrderLine.order_id == order_id)).one()
    return OrderRefundDraft(
        lines={line.id: line.paid},
        destination=destination,
        licenses=LicenseRule.REVOKE,
        reason="asked",
        idempotency_key=str(new_id()),
    )


def test_money_still_in_the_wallet_is_taken_out_of_it_with_its_bonus(
    shop: Shop, sandbox: RunningSandbox, buyer: User
) -> None:
    payment = top_up_with_bonus(shop, sandbox, buyer)
    dispute(shop, sandbox, payment)

    assert pots_of(shop, buyer) == Pots(paid=baht(0), bonus=baht(0))
    assert debt_of(shop, buyer) == baht(0)

    decide(shop, sandbox, payment, "won")
    assert pots_of(shop, buyer) == Pots(paid=baht(500), bonus=baht(50))


def top_up_with_bonus(shop: Shop, sandbox: RunningSandbox, buyer: User) -> Payment:
    package = TopUpPackage(name_th="x", name_en="x", amount_satang=50_000, bonus_satang=5_000)
    with shop.database.transaction() as session:
        session.add(package)
        session.flush()
        package_id = package.id
    return top_up(shop, sandbox, buyer, baht(500), package_id=package_id)


def test_money_that_is_spent_is_owed_and_freezes_the_wallet_until_it_is_paid(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User
) -> None:
    payment = top_up(shop, sandbox, buyer, baht(500))
    make.cart(buyer, (make.product(price=baht(400)), 1))
    place(shop, buyer, baht(400), method=PaymentMethod.BALANCE)

    opened = dispute(shop, sandbox, payment)

    assert (opened.taken_satang, opened.debt_satang) == (10_000, 40_000)
    assert (pots_of(shop, buyer).total, debt_of(shop, buyer)) == (baht(0), baht(400))

    top_up(shop, sandbox, buyer, baht(300))
    assert (pots_of(shop, buyer).total, debt_of(shop, buyer)) == (baht(0), baht(100))
    make.bonus(buyer, baht(20))
    make.cart(buyer, (make.product(price=baht(20)), 1))
    with pytest.raises(Conflict) as refused:
        place(shop, buyer, baht(20), method=PaymentMethod.BALANCE)
    assert refused.value.code == "wallet_frozen"

    top_up(shop, sandbox, buyer, baht(150))
    assert (pots_of(shop, buyer).paid, debt_of(shop, buyer)) == (baht(50), baht(0))
    place(shop, buyer, baht(20), method=PaymentMethod.BALANCE)


def test_a_won_dispute_forgives_what_is_still_owed_and_gives_the_rest_back(
    shop: Shop, sandbox: RunningSandbox, make: Factory, buyer: User
) -> None:
    payment = top_up(shop, sandbox, buyer, baht(500))
    make.cart(buyer, (make.product(price=baht(400)), 1))
    place(shop, buyer, baht(400), method=PaymentMethod.BALANCE)
    dispute(shop, sandbox, payment)
    top_up(shop, sandbox, buyer, baht(150))

    decide(shop, sandbox, payment, "won")

    assert (pots_of(shop, buyer).total, debt_of(shop, buyer)) == (baht(250), baht(0))


def test_a_disputed_top_up_is_not_refunded(
    shop: Shop, sandbox: RunningSandbox, buyer: User, staff: User
) -> None:
    payment = top_up(shop, sandbox, buyer, baht(500))
    dispute(shop, sandbox, payment)
    with pytest.raises(Conflict) as refused:
        refund_payment(
            shop,
            payment.id,
            WalletRefundDraft(amount=baht(500), reason="x", idempotency_key=str(new_id())),
            actor_id=staff.id,
        )
    assert refused.value.code == "order_disputed"


def test_a_dispute_about_a_part_takes_that_part(
    shop: Shop, sandbox: RunningSandbox, order: Payment
) -> None:
    dispute(shop, sandbox, order, amount=10_000)
    assert balance(shop, AccountKind.DISPUTES) == baht(-100)


def test_while_the_gateway_is_away_nothing_is_changed(
    shop: Shop,
    sandbox: RunningSandbox,
    order: Payment,
    trouble: Callable[[], None],
) -> None:
    act(sandbox, order.gateway_payment_id, "dispute")
    trouble()
    with pytest.raises(GatewayUnavailable):
        refresh_disputes(shop, order.id)
    assert license_of(shop) == "active"

    requests.post(f"{sandbox.url}/control/stripe/reset", timeout=5)
    refresh_disputes(shop, order.id)
    assert license_of(shop) == "suspended"


def test_two_disputes_of_one_person_are_kept_apart(
    shop: Shop, sandbox: RunningSandbox, buyer: User
) -> None:
    payments = [top_up(shop, sandbox, buyer, baht(amount)) for amount in (100, 200)]
    for payment in payments:
        act(sandbox, payment.gateway_payment_id, "dispute")
        refresh_disputes(shop, payment.id)
    with shop.database.reading() as session:
        disputes = list(session.scalars(select(Dispute).order_by(Dispute.amount_satang)))
    assert [one.taken_satang for one in disputes] == [10_000, 20_000]

    for one, payment, outcome in zip(disputes, payments, itertools.cycle(["won", "lost"])):
        act(sandbox, one.gateway_dispute_id, outcome)
        refresh_disputes(shop, payment.id)
    assert pots_of(shop, buyer).total == baht(100)
