"""What moves when a guest becomes a member, table by table, and what stays behind."""

from __future__ import annotations

from typing import Final

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from jobs.guests import finish_adoptions
from storefront.accounts.models import AuditEntry, Role, User
from storefront.bootstrap import Shop
from storefront.cart.queries import find_cart
from storefront.cart.rules import CartOwner
from storefront.catalog.models import StockAlert
from storefront.db import Base
from storefront.delivery.models import Download
from storefront.errors import Conflict, DomainError, NotFound
from storefront.guests.adoption import MOVED, adopt_guest, find_leftovers
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.licenses.models import License
from storefront.notifications.models import Notification
from storefront.notifications.service import notify
from storefront.orders.models import Order, OrderLine, PaymentMethod
from storefront.payments.models import Payment
from storefront.receipts.models import Receipt
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.flow import refund_order
from storefront.refunds.models import Destination, LicenseRule
from storefront.tebex.models import TebexPurchase
from storefront.wallet.models import TopUp, TopUpState
from tests.support.factories import Factory
from tests.support.gateway import at, place

# What points at a person and stays with a guest who was adopted, and why.
KEPT: Final = {
    "users.merged_into": "says who adopted them",
    "sign_in_sessions.user_id": "revoked",
    "guest_links.user_id": "revoked",
    "carts.user_id": "poured into the member's cart",
    "ledger_accounts.user_id": "emptied by postings: the books stay as they were written",
    "wallet_adjustments.user_id": "belongs to the account it changed, and to its audit entry",
    "wallet_adjustments.actor_id": "staff",
    "outgoing_endpoints.created_by": "staff",
    "discord_role_grants.user_id": "a guest has no Discord account; the member gets theirs anew",
    "discord_members.user_id": "as above",
    "audit_entries.actor_id": "who did it then",
    "refunds.actor_id": "staff",
    "catalog_imports.created_by": "staff",
    "license_flags.closed_by": "staff",
    "leak_searches.created_by": "staff",
    "release_uploads.created_by": "staff",
    "release_uploads.confirmed_by": "staff",
    "license_gifts.giver_id": "guests cannot give",
    "license_gifts.receiver_id": "guests cannot take: they have no name to be found by",
    "reconciliation_runs.started_by": "staff",
    "reconciliation_notes.author_id": "staff",
}


@pytest.fixture
def guest(make: Factory) -> User:
    return make.guest()


@pytest.fixture
def member(make: Factory) -> User:
    return make.user()


def adopt(shop: Shop, guest: User, member: User) -> int:
    with shop.database.transaction() as session:
        return adopt_guest(session, guest.id, member_id=member.id, now=shop.clock()).orders


def test_every_column_that_points_at_a_person_is_moved_or_stays_for_a_reason() -> None:
    """A new table cannot be forgotten: say in MOVED or here what becomes of it."""
    pointing = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name == "users"
    }
    moved = {f"{one.class_.__tablename__}.{one.key}" for one in MOVED}

    assert pointing == moved | KEPT.keys()
    assert moved.isdisjoint(KEPT)


def test_everything_that_is_listed_moves(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    """At least one row of each, whatever way leads there."""
    buy_refund_and_wish(shop, make, guest)
    before = {str(column): rows_of(shop, column, guest) for column in MOVED}
    assert 0 not in before.values(), before

    adopt(shop, guest, member)

    assert {str(column): rows_of(shop, column, guest) for column in MOVED} == dict.fromkeys(
        before, 0
    )
    assert {str(column): rows_of(shop, column, member) for column in MOVED} == before


def rows_of(shop: Shop, column, person: User) -> int:
    with shop.database.reading() as session:
        query = select(func.count()).select_from(column.class_).where(column == person.id)
        return session.scalar(query) or 0


def buy_refund_and_wish(shop: Shop, make: Factory, person: User) -> None:
    make.promo()
    product = make.product(price=baht(490))
    make.wallet(person, baht(1000))
    make.cart(person, (product, 1), promo_code="TENTH")
    order_id = place(shop, person, baht(441), method=PaymentMethod.BALANCE)
    with shop.database.reading() as session:
        line_id = session.scalars(select(OrderLine.id)).one()
    draft = OrderRefundDraft(
        lines={line_id: baht(41)},
        destination=Destination.WALLET,
        licenses=LicenseRule.KEEP,
        reason="a part did not work",
        idempotency_key="r" * 20,
    )
    refund_order(shop, order_id, draft, actor_id=make.user(role=Role.ADMIN).id)
    with shop.database.transaction() as session:
        license_id = session.scalars(select(License.id)).one()
        session.add_all(
            [
                Download(
                    license_id=license_id,
                    release_id=product.releases[0].id,
                    user_id=person.id,
                    address="127.0.0.1",
                ),
                StockAlert(product_id=product.id, variant_id=None, user_id=person.id),
                a_topup(person, "t" * 20),
                an_attempt(shop, person),
                a_tebex_purchase(shop, person),
            ]
        )


def a_topup(person: User, key: str) -> TopUp:
    return TopUp(
        user_id=person.id,
        idempotency_key=key,
        state=TopUpState.EXPIRED,
        amount_satang=10_000,
        currency="THB",
    )


def a_tebex_purchase(shop: Shop, person: User) -> TebexPurchase:
    return TebexPurchase(
        transaction_id="tbx-1",
        state="claimed",
        locale="en",
        paid_at=shop.clock(),
        user_id=person.id,
        claimed_at=shop.clock(),
    )


def an_attempt(shop: Shop, person: User) -> Payment:
    return Payment(
        purpose="topup",
        subject_id=new_id(),
        user_id=person.id,
        state="expired",
        amount_satang=10_000,
        currency="THB",
        label="wallet",
        locale="en",
        expires_at=shop.clock(),
    )


def test_a_form_key_that_both_have_sent_gets_another_name(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    product = make.product(price=baht(490))
    with shop.database.transaction() as session:
        session.add_all([a_topup(guest, "t" * 20), a_topup(member, "t" * 20)])
    for person in (guest, member):
        make.wallet(person, baht(490))
        make.cart(person, (product, 1))
        place(shop, person, baht(490), method=PaymentMethod.BALANCE)
    with shop.database.transaction() as session:
        session.execute(update(Order).values(idempotency_key="k" * 20))

    assert adopt(shop, guest, member) == 1

    with shop.database.reading() as session:
        order_keys = session.scalars(select(Order.idempotency_key)).all()
        topup_keys = session.scalars(select(TopUp.idempotency_key)).all()
        assert set(session.scalars(select(Order.user_id))) == {member.id}
    for keys, key in ((order_keys, "k" * 20), (topup_keys, "t" * 20)):
        assert len(set(keys)) == 2
        assert key in keys


def test_a_wish_that_both_have_is_one_wish(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    both, only = make.product(stock=0), make.product(stock=0)
    tier = both.variants[0].id
    with shop.database.transaction() as session:
        session.add_all(
            [
                StockAlert(product_id=both.id, variant_id=None, user_id=guest.id),
                StockAlert(product_id=both.id, variant_id=None, user_id=member.id),
                StockAlert(product_id=both.id, variant_id=tier, user_id=guest.id),
                StockAlert(product_id=both.id, variant_id=tier, user_id=member.id),
                StockAlert(product_id=only.id, variant_id=None, user_id=guest.id),
            ]
        )

    adopt(shop, guest, member)

    with shop.database.reading() as session:
        wishes = session.execute(select(StockAlert.product_id, StockAlert.user_id)).all()
    assert sorted(wishes) == sorted([(both.id, member.id)] * 2 + [(only.id, member.id)])


def test_two_carts_become_one_without_doubles(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    both, mine, theirs = make.product(), make.product(), make.product()
    make.cart(guest, (both, 3), (theirs, 1))
    make.cart(member, (both, 2), (mine, 1))

    adopt(shop, guest, member)

    with shop.database.reading() as session:
        cart = find_cart(session, CartOwner.member(member.id), now=shop.clock())
        assert find_cart(session, CartOwner.member(guest.id), now=shop.clock()) is None
    assert cart is not None
    assert {line.product_id: line.quantity for line in cart.lines} == {
        both.id: 3,
        mine.id: 1,
        theirs.id: 1,
    }


def test_a_receipt_goes_to_whoever_adopted_its_buyer_and_says_what_it_said(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.wallet(guest, baht(490))
    make.cart(guest, (make.product(price=baht(490)), 1))
    place(shop, guest, baht(490), method=PaymentMethod.BALANCE)
    with pytest.raises(IntegrityError, match="receipts stay"), shop.database.transaction() as theft:
        theft.execute(update(Receipt).values(user_id=member.id))

    adopt(shop, guest, member)

    with shop.database.reading() as session:
        receipt = session.scalars(select(Receipt)).one()
    assert (receipt.user_id, receipt.buyer_email) == (member.id, guest.email)
    with (
        pytest.raises(IntegrityError, match="receipts stay"),
        shop.database.transaction() as forger,
    ):
        forger.execute(update(Receipt).values(amount_satang=1))


def test_adopting_twice_changes_nothing_more(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    make.wallet(guest, baht(10))

    adopt(shop, guest, member)
    adopt(shop, guest, member)

    with shop.database.reading() as session:
        adopted = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "adopt_guest")
        ).all()
    assert [(one.actor_id, one.subject_id) for one in adopted] == [(member.id, str(guest.id))]


def test_only_a_guest_is_adopted_and_only_by_a_member(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    for one, other in ((member, make.user()), (guest, make.guest()), (guest, guest)):
        with pytest.raises(NotFound):
            adopt(shop, one, other)
    adopt(shop, guest, member)
    with pytest.raises(Conflict, match="another member"):
        adopt(shop, guest, make.user())
    for one, other in (
        (make.guest(banned_at=shop.clock()), member),
        (make.guest(), make.user(banned_at=shop.clock())),
    ):
        with pytest.raises(DomainError, match="banned"):
            adopt(shop, one, other)


def test_what_a_race_left_behind_follows_a_minute_later(
    shop: Shop, guest: User, member: User
) -> None:
    adopt(shop, guest, member)
    with shop.database.transaction() as session:
        notify(
            session,
            guest.id,
            type="system",
            event="bonus_expires",
            context={},
            path="/account",
            dedupe_key="late",
        )

    finish_adoptions(shop)
    finish_adoptions(shop)

    with shop.database.reading() as session:
        assert session.scalars(select(Notification.user_id)).all() == [member.id]
        much_later = at(shop, shop.clock()).clock()
        assert [one.id for one in find_leftovers(session, now=much_later)] == [guest.id]


@pytest.mark.parametrize(
    "values",
    [
        {"is_guest": True},
        {"discord_id": None},
        {"guest_key": "key"},
        {"discord_id": None, "guest_key": "key"},
        {"discord_id": None, "is_guest": True},
        {"discord_id": None, "is_guest": True, "guest_key": "key", "email": None},
        {"discord_id": None, "is_guest": True, "guest_key": "key", "role": Role.MODERATOR},
        {"discord_id": None, "is_guest": True, "guest_key": "key", "role": Role.ADMIN},
    ],
)
def test_the_database_knows_what_a_guest_is(
    shop: Shop, make: Factory, values: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError, match="ck_users_guest"):
        make.user(**values)


def test_the_database_knows_who_can_be_adopted(
    shop: Shop, make: Factory, guest: User, member: User
) -> None:
    now = shop.clock()
    for person, values, rule in (
        (make.user(), {"merged_into": member.id, "merged_at": now}, "ck_users_merged"),
        (guest, {"merged_at": now}, "ck_users_merged"),
        (guest, {"merged_into": member.id}, "ck_users_merged"),
        (guest, {"role": Role.ADMIN}, "ck_users_guest_is_no_staff"),
    ):
        change = update(User).where(User.id == person.id).values(values)
        with pytest.raises(IntegrityError, match=rule), shop.database.transaction() as session:
            session.execute(change)
