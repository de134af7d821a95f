"""What the wallet page reads."""

from uuid import UUID

from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.kit.pages import encode_cursor
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.wallet.history import list_history
from storefront.wallet.models import TopUp, TopUpState
from storefront.wallet.queries import find_balance, find_pots, list_topups
from tests.support.factories import Factory


def test_a_wallet_that_was_never_used_holds_nothing(database: Database, make: Factory) -> None:
    user = make.user()
    with database.reading() as session:
        assert find_balance(session, user.id) == Money(0)
        assert list_history(session, user.id).items == ()


def test_the_balance_is_that_of_both_pots(database: Database, make: Factory) -> None:
    user = make.user()
    make.wallet(user, baht(100))
    _give_bonus(database, user.id, baht(30))
    with database.reading() as session:
        pots = find_pots(session, user.id)
        assert (pots.paid, pots.bonus, pots.total) == (baht(100), baht(30), baht(130))
        assert find_balance(session, user.id) == baht(130)


def test_history_shows_one_row_per_movement_with_the_balance_it_left(
    database: Database, make: Factory
) -> None:
    user, somebody_else = make.user(), make.user()
    make.wallet(user, baht(100))
    make.wallet(somebody_else, baht(999))
    _give_bonus(database, user.id, baht(30))
    order_id = new_id()
    with database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference="spent-from-both",
            subject_id=order_id,
            legs=[
                Leg(AccountKind.WALLET_BONUS, -baht(30), user.id),
                Leg(AccountKind.WALLET_PAID, -baht(50), user.id),
                Leg(AccountKind.ADJUSTMENTS, baht(80)),
            ],
        )
    with database.reading() as session:
        rows = list_history(session, user.id).items
    assert [(row.amount, row.balance_after) for row in rows] == [
        (-baht(80), baht(50)),
        (baht(30), baht(130)),
        (baht(100), baht(100)),
    ]
    assert rows[0].subject_id == order_id


def test_pages_of_history_fit_together_and_keep_the_running_balance(
    database: Database, make: Factory
) -> None:
    user = make.user()
    for _ in range(7):
        make.wallet(user, baht(10))
    seen, cursor, pages = [], None, 0
    with database.reading() as session:
        while True:
            page = list_history(session, user.id, cursor=cursor, limit=3)
            seen += [row.balance_after for row in page.items]
            pages += 1
            cursor = page.next_cursor
            if cursor is None:
                break
    assert pages == 3
    assert seen == [baht(amount) for amount in (70, 60, 50, 40, 30, 20, 10)]


def test_a_forged_cursor_starts_at_the_first_page(database: Database, make: Factory) -> None:
    user = make.user()
    make.wallet(user, baht(10))
    with database.reading() as session:
        for cursor in ("nonsense", encode_cursor("not-an-id"), encode_cursor(7), "\x00" * 9):
            assert len(list_history(session, user.id, cursor=cursor).items) == 1


def test_top_ups_that_brought_nothing_yet_are_listed(database: Database, make: Factory) -> None:
    user, somebody_else = make.user(), make.user()
    with database.transaction() as session:
        for owner, state in (
            (user, TopUpState.PENDING),
            (user, TopUpState.COMPLETED),
            (user, TopUpState.FAILED),
            (somebody_else, TopUpState.PENDING),
        ):
            session.add(
                TopUp(
                    user_id=owner.id,
                    idempotency_key=str(new_id()),
                    state=state,
                    amount_satang=10_000,
                    currency="THB",
                )
            )
    with database.reading() as session:
        states = [topup.state for topup in list_topups(session, user.id)]
    assert states == [TopUpState.FAILED, TopUpState.PENDING]


def _give_bonus(database: Database, user_id: UUID, amount: Money) -> None:
    with database.transaction() as session:
        post_entries(
            session,
            kind=PostingKind.ADJUSTMENT,
            reference=f"bonus:{new_id()}",
            legs=[
                Leg(AccountKind.BONUS_EXPENSE, -amount),
                Leg(AccountKind.WALLET_BONUS, amount, user_id),
            ],
        )
