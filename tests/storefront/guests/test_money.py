"""The money of a guest who becomes a member: lot by lot, and what comes back later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from jobs.guests import finish_adoptions
from storefront.accounts.models import Role, User
from storefront.bootstrap import Shop
from storefront.checkout import flow
from storefront.errors import NotFound
from storefront.guests.adoption import adopt_guest
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.ledger.models import (
    AccountKind,
    LedgerAccount,
    LedgerPosting,
    PostingKind,
    Pot,
    WalletLot,
)
from storefront.ledger.service import Leg, post_entries
from storefront.orders.models import OrderLine, OrderState, PaymentMethod
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.flow import refund_order
from storefront.refunds.models import Destination, LicenseRule
from storefront.sandbox.serve import RunningSandbox
from storefront.wallet.adjustments import AdjustmentDraft, adjust_wallet
from storefront.wallet.debts import find_debt
from storefront.wallet.queries import Pots, find_pots, list_lots
from tests.storefront.guests.browsing import pay_late
from tests.support.factories import Factory, SignIn
from tests.support.gateway import at, order_of, pay, place

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def guest(make: Factory) -> User:
    return make.guest()


@pytest.fixture
def member(make: Factory) -> User:
    return make.user()


def adopt(shop: Shop, guest: User, member: User) -> None:
    with shop.database.transaction() as session:
        adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())


def pots_of(shop: Shop, person: User) -> Pots:
    with shop.database.reading() as session:
        return find_pots(session, person.id, now=shop.clock())


def merges(shop: Shop) -> int:
    with shop.database.reading() as session:
        return len(
            session.scalars(
                select(LedgerPosting.id).where(LedgerPosting.kind == PostingKind.ACCOUNT_MERGE)
            ).all()
        )


def test_every_lot_keeps_its_pot_and_its_end(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    now = shop.clock()
    make.wallet(guest, baht(100))
    make.wallet(guest, baht(7))
    make.bonus(guest, baht(30), expires_at=now + timedelta(days=9))
    make.bonus(guest, baht(20), expires_at=now + timedelta(days=2))
    make.bonus(guest, baht(10))
    make.wallet(member, baht(1))
    make.bonus(member, baht(5), expires_at=now + timedelta(days=4))

    adopt(shop, guest, member)

    assert pots_of(shop, guest) == Pots(paid=baht(0), bonus=baht(0))
    assert pots_of(shop, member) == Pots(paid=baht(108), bonus=baht(65))
    with shop.database.reading() as session:
        lots = list_lots(session, member.id, now=now)
    ends = [
        (lot.remaining, lot.expires_at and (lot.expires_at - now).days)
        for lot in lots
        if lot.pot is Pot.BONUS
    ]
    assert ends == [(baht(20), 2), (baht(5), 4), (baht(30), 9), (baht(10), None)]
    assert merges(shop) == 5


def test_nothing_is_booked_for_an_empty_wallet(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.cart(guest, (make.product(price=baht(100)), 1))
    make.wallet(guest, baht(100))
    place(shop, guest, baht(100), method=PaymentMethod.BALANCE)

    adopt(shop, guest, member)

    assert merges(shop) == 0


def test_bonus_that_has_expired_does_not_move(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.bonus(guest, baht(30), expires_at=shop.clock() + timedelta(days=1))
    make.bonus(guest, baht(5), expires_at=shop.clock() + timedelta(days=3))

    adopt(at(shop, shop.clock() + timedelta(days=2)), guest, member)

    assert pots_of(shop, member) == Pots(paid=baht(0), bonus=baht(5))
    with shop.database.reading() as session:
        kinds = session.scalars(select(LedgerPosting.kind).order_by(LedgerPosting.id)).all()
    assert kinds[2:] == ["bonus_expiry", "account_merge"]


def test_a_payment_that_comes_after_the_adoption_is_credited_to_the_member(
    shop: Shop, make: Factory, guest: User, member: User, sandbox: RunningSandbox
) -> None:
    make.cart(guest, (make.product(price=baht(490)), 1))
    order_id = place(shop, guest, baht(490))
    adopt(shop, guest, member)

    pay_late(shop, sandbox, order_id)

    assert pots_of(shop, member).paid == baht(490)
    assert pots_of(shop, guest).paid == baht(0)


def test_what_was_held_for_an_open_order_goes_back_to_its_lots_and_follows(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    """The lots are still the guest's; a minute later what is in them is the member's."""
    end = shop.clock() + timedelta(days=2)
    make.bonus(guest, baht(30), expires_at=end)
    make.wallet(guest, baht(70))
    make.cart(guest, (make.product(price=baht(490)), 1))
    order_id = place(shop, guest, baht(490), wallet_part=baht(90))
    adopt(shop, guest, member)
    assert pots_of(shop, member) == Pots(paid=baht(10), bonus=baht(0))

    flow.cancel_order(shop, order_id, user_id=member.id)
    finish_adoptions(at(shop, shop.clock() + timedelta(hours=1)))

    assert order_of(shop, order_id).state == OrderState.CANCELLED
    assert pots_of(shop, member) == Pots(paid=baht(70), bonus=baht(30))
    with shop.database.reading() as session:
        ends = [lot.expires_at for lot in list_lots(session, member.id, now=shop.clock())]
    assert ends == [end, None, None]
    booked = merges(shop)
    finish_adoptions(shop)
    assert merges(shop) == booked


def test_a_lot_that_was_moved_and_filled_again_moves_again(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.wallet(guest, baht(100))
    make.cart(guest, (make.product(price=baht(490)), 1))
    order_id = place(shop, guest, baht(490), wallet_part=baht(60))
    adopt(shop, guest, member)
    flow.cancel_order(shop, order_id, user_id=member.id)

    finish_adoptions(shop)

    assert pots_of(shop, member).paid == baht(100)
    with shop.database.reading() as session:
        (lot,) = session.scalars(
            select(WalletLot)
            .join(LedgerAccount, LedgerAccount.id == WalletLot.account_id)
            .where(LedgerAccount.user_id == guest.id)
        ).all()
    assert (lot.remaining_satang, merges(shop)) == (0, 2)


def test_wallet_and_card_still_pay_an_order_together_after_the_adoption(
    shop: Shop, make: Factory, guest: User, member: User, sandbox: RunningSandbox
) -> None:
    make.wallet(guest, baht(90))
    make.cart(guest, (make.product(price=baht(490)), 1))
    order_id = place(shop, guest, baht(490), wallet_part=baht(90))
    adopt(shop, guest, member)

    pay(shop, sandbox, order_id)

    order = order_of(shop, order_id)
    assert (order.state, order.user_id) == (OrderState.COMPLETED, member.id)


def test_a_refund_into_the_wallet_is_the_members(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    """Bonus goes back into the lot it came from, which is the guest's, and follows."""
    make.bonus(guest, baht(30))
    make.wallet(guest, baht(70))
    make.cart(guest, (make.product(price=baht(100)), 1))
    order_id = place(shop, guest, baht(100), method=PaymentMethod.BALANCE)
    adopt(shop, guest, member)
    with shop.database.reading() as session:
        line_id = session.scalars(select(OrderLine.id)).one()
    draft = OrderRefundDraft(
        lines={line_id: baht(100)},
        destination=Destination.WALLET,
        licenses=LicenseRule.REVOKE,
        reason="it did not work",
        idempotency_key="r" * 20,
    )

    refund_order(shop, order_id, draft, actor_id=make.user(role=Role.ADMIN).id)
    finish_adoptions(shop)

    assert pots_of(shop, member) == Pots(paid=baht(70), bonus=baht(30))


def test_what_a_guest_owes_is_owed_by_the_member_and_paid_as_far_as_it_goes(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.wallet(member, baht(30))
    owe(shop, guest, baht(50))

    adopt(shop, guest, member)

    with shop.database.reading() as session:
        assert find_debt(session, guest.id) == baht(0)
        assert find_debt(session, member.id) == baht(20)
    assert pots_of(shop, member).paid == baht(0)


def test_what_a_guest_brings_pays_what_the_member_owes(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.wallet(guest, baht(80))
    owe(shop, member, baht(50))

    adopt(shop, guest, member)

    with shop.database.reading() as session:
        assert find_debt(session, member.id) == baht(0)
    assert pots_of(shop, member).paid == baht(30)


def owe(shop: Shop, person: User, amount: Money) -> None:
    with shop.database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference=f"test:{new_id()}",
            legs=[
                Leg(AccountKind.ADJUSTMENTS, amount),
                Leg(AccountKind.DEBT, -amount, person.id),
            ],
        )


def test_staff_cannot_give_to_a_wallet_that_was_moved(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    staff = make.user(role=Role.ADMIN)
    draft = AdjustmentDraft(pot=Pot.PAID, amount=baht(5), reason="sorry")
    for person in (guest, member):
        with shop.database.transaction() as session:
            adjust_wallet(
                session,
                person.id,
                draft,
                actor_id=staff.id,
                idempotency_key=f"a-{person.id}",
                now=shop.clock(),
            )

    adopt(shop, guest, member)

    assert pots_of(shop, member).paid == baht(10)
    with pytest.raises(NotFound), shop.database.transaction() as session:
        adjust_wallet(
            session,
            guest.id,
            draft,
            actor_id=staff.id,
            idempotency_key="later",
            now=shop.clock(),
        )


def test_the_wallet_page_names_the_move(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, guest: User, member: User
) -> None:
    make.wallet(guest, baht(77))
    adopt(shop, guest, member)
    sign_in(client, member)

    page = client.get("/en/account/wallet")

    assert "Moved from a purchase as a guest" in page.text
    assert "account_merge" in client.get("/en/account/wallet/history.csv").text
