"""The ledger: balanced, append-only, each cause once; refused by the service and by PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.db import Database
from storefront.errors import Conflict
from storefront.kit.ids import new_id
from storefront.kit.money import CurrencyMismatch, Money, baht, total_of
from storefront.ledger.models import AccountKind, LedgerAccount, LedgerEntry, PostingKind
from storefront.ledger.service import Leg, post_entries
from tests.support.factories import Factory
from tests.support.invariants import check_invariants

_references = itertools.count(1)
DATABASE_AND_MORE = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def move(session: Session, user: User, amount: Money, *, reference: str = "") -> UUID | None:
    """Money into a wallet, or out of it when it is negative."""
    return post_entries(
        session,
        kind=PostingKind.ADJUSTMENT,
        reference=reference or f"move:{next(_references)}",
        legs=[
            Leg(AccountKind.ADJUSTMENTS, -amount),
            Leg(AccountKind.WALLET_PAID, amount, user.id),
        ],
    )


def balance(database: Database, user: User) -> int:
    with database.reading() as session:
        return (
            session.scalars(
                select(LedgerAccount.balance_satang).where(LedgerAccount.user_id == user.id)
            ).one()
            or 0
        )


def count(database: Database, table: str) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(text(table))) or 0


@pytest.fixture
def user(database: Database, make: Factory) -> User:
    """Somebody with ten baht."""
    user = make.user()
    with database.transaction() as session:
        move(session, user, baht(10), reference="the first ten baht")
    return user


@pytest.mark.parametrize(
    ("legs", "problem"),
    [
        ([Leg(AccountKind.GATEWAY, baht(-5)), Leg(AccountKind.SALES, baht(4))], ValueError),
        ([Leg(AccountKind.SALES, baht(1))], ValueError),
        (
            [Leg(AccountKind.GATEWAY, baht(-1)), Leg(AccountKind.SALES, Money(100, "USD"))],
            CurrencyMismatch,
        ),
        ([Leg(AccountKind.GATEWAY, baht(-1)), Leg(AccountKind.WALLET_PAID, baht(1))], ValueError),
        (
            [Leg(AccountKind.GATEWAY, baht(-1), new_id()), Leg(AccountKind.SALES, baht(1))],
            ValueError,
        ),
    ],
    ids=["unequal", "one-sided", "two currencies", "wallet of nobody", "shared account of one"],
)
def test_what_does_not_balance_is_not_booked(
    database: Database, legs: list[Leg], problem: type[Exception]
) -> None:
    def book() -> None:
        with database.transaction() as session:
            post_entries(session, kind=PostingKind.TOPUP, reference="x", legs=legs)

    with pytest.raises(problem):
        book()

    assert count(database, "ledger_postings") == 0


def test_the_same_cause_is_booked_once(database: Database, user: User) -> None:
    for _ in range(3):
        with database.transaction() as session:
            booked = move(session, user, baht(10), reference="the first ten baht")
            assert booked is None

    assert balance(database, user) == 1000
    assert count(database, "ledger_entries") == 2


def test_another_kind_may_carry_the_same_reference(database: Database, user: User) -> None:
    with database.transaction() as session:
        booked = post_entries(
            session,
            kind=PostingKind.PURCHASE,
            reference="the first ten baht",
            legs=[
                Leg(AccountKind.WALLET_PAID, baht(-1), user.id),
                Leg(AccountKind.SALES, baht(1)),
            ],
        )

    assert booked is not None
    assert balance(database, user) == 900


def test_a_wallet_is_emptied_to_the_last_satang_and_not_further(
    database: Database, user: User
) -> None:
    def spend(amount: Money) -> None:
        with database.transaction() as session:
            move(session, user, -amount)

    with pytest.raises(Conflict) as error:
        spend(Money(1001))
    assert error.value.code == "balance_too_low"
    assert balance(database, user) == 1000
    assert count(database, "ledger_postings") == 1

    spend(Money(1000))
    assert balance(database, user) == 0


def tell(database: Database, *statements: str, **values: object) -> Callable[[], None]:
    """Speak SQL past the service, in one transaction."""

    def speak() -> None:
        with database.transaction() as session:
            for statement in statements:
                session.execute(text(statement), values)

    return speak


POSTING = "INSERT INTO ledger_postings (id, kind, reference) VALUES (:id, 'topup', :reference)"
ENTRY = (
    "INSERT INTO ledger_entries (id, posting_id, account_id, amount_satang, currency)"
    " SELECT gen_random_uuid(), :id, a.id, {}, 'THB' FROM ledger_accounts a WHERE kind = '{}'"
)
ONE_SIDED = ENTRY.format(100, "wallet_paid")
OTHER_SIDE = ENTRY.format(-100, "adjustments")


@pytest.mark.parametrize(
    "statements",
    [
        (POSTING,),
        (POSTING, ONE_SIDED),
        (POSTING, ONE_SIDED, ENTRY.format(-99, "adjustments")),
        (POSTING, ONE_SIDED, OTHER_SIDE.replace("'THB'", "'USD'")),
    ],
    ids=["without entries", "one-sided", "unequal", "two currencies"],
)
def test_postgresql_itself_refuses_a_posting_that_does_not_balance(
    database: Database, user: User, statements: tuple[str, ...]
) -> None:
    write = tell(database, *statements, id=new_id(), reference="raw")

    with pytest.raises(DBAPIError, match="does not sum to zero"):
        write()

    assert count(database, "ledger_postings") == 1
    assert balance(database, user) == 1000


def test_postgresql_refuses_an_entry_that_unbalances_an_old_posting(
    database: Database, user: User
) -> None:
    with database.transaction() as session:
        move(session, user, baht(1), reference="second")
        posting_id = session.scalar(
            text("SELECT id FROM ledger_postings WHERE reference = 'second'")
        )
        session.execute(
            text(
                "INSERT INTO ledger_accounts (id, kind, currency)"
                " VALUES (gen_random_uuid(), 'sales', 'THB')"
            )
        )

    with pytest.raises(DBAPIError, match="does not sum to zero"):
        tell(database, ENTRY.format(7, "sales"), id=posting_id)()


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_postings"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_postgresql_refuses_to_change_what_was_booked(
    database: Database, user: User, table: str, statement: str
) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        tell(database, statement.format(table))()

    assert count(database, "ledger_entries") == 2
    assert count(database, "ledger_postings") == 1


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "UPDATE ledger_accounts SET balance_satang = -1 WHERE kind = 'wallet_paid'",
            "not_below_zero",
        ),
        (
            "UPDATE ledger_accounts SET user_id = NULL, balance_satang = NULL"
            " WHERE kind = 'wallet_paid'",
            "owner",
        ),
        (
            "UPDATE ledger_accounts SET balance_satang = NULL WHERE kind = 'wallet_paid'",
            "cached_balance",
        ),
        (
            "INSERT INTO ledger_accounts (id, kind, user_id, currency, balance_satang)"
            " SELECT gen_random_uuid(), kind, user_id, currency, balance_satang"
            " FROM ledger_accounts",
            "uq_ledger_accounts",
        ),
    ],
)
def test_postgresql_guards_the_accounts(
    database: Database, user: User, statement: str, constraint: str
) -> None:
    with pytest.raises(DBAPIError, match=constraint):
        tell(database, statement)()


@DATABASE_AND_MORE
@given(
    wishes=st.lists(
        st.tuples(st.integers(0, 2), st.integers(-3000, 3000).filter(bool)), max_size=12
    )
)
def test_whatever_is_booked_a_balance_is_the_sum_of_its_entries(
    database: Database, make: Factory, wishes: list[tuple[int, int]]
) -> None:
    people = [make.user() for _ in range(3)]
    expected = {person.id: 0 for person in people}

    for who, satang in wishes:
        person = people[who]
        try:
            with database.transaction() as session:
                move(session, person, Money(satang))
        except Conflict:
            assert expected[person.id] + satang < 0
        else:
            expected[person.id] += satang

    assert all(satang >= 0 for satang in expected.values())
    with database.reading() as session:
        for person in people:
            entries = session.scalars(
                select(LedgerEntry)
                .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
                .where(LedgerAccount.user_id == person.id)
            ).all()
            booked = total_of(entry.amount for entry in entries)
            assert booked == Money(expected[person.id])
    check_invariants(database)
