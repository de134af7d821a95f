"""Starting many things in the same moment, and showing what a rule without its lock would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from storefront.db import Database
from storefront.errors import DomainError
from storefront.sandbox.services.process import wait_until

T = TypeVar("T")

# The shop of a test has this many connections: a race with a barrier inside its transactions must
# not have more runners, or the last would wait for a connection and the others for the last.
CONNECTIONS = 20
PATIENCE_SECONDS = 30


def race(calls: Sequence[Callable[[], T]]) -> list[T | DomainError]:
    """Run all at once, one thread each; results in the order of the calls, refusals as values.
    Whatever else goes wrong is raised."""
    start = Barrier(len(calls), timeout=PATIENCE_SECONDS)

    def run(call: Callable[[], T]) -> T | DomainError:
        start.wait()
        try:
            return call()
        except DomainError as refusal:
            return refusal

    with ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(run, call) for call in calls]
        return [one.result(timeout=2 * PATIENCE_SECONDS) for one in running]


def codes_of(outcomes: Sequence[object]) -> list[str]:
    """The codes of the refusals among the outcomes."""
    return [one.code for one in outcomes if isinstance(one, DomainError)]


def successes_in(outcomes: Sequence[T | DomainError]) -> list[T]:
    """What the others brought back."""
    return [one for one in outcomes if not isinstance(one, DomainError)]


def race_transactions(
    database: Database, change: Callable[[Session, Barrier], None], *, runners: int
) -> None:
    """The control of a race: each runner does `change` in a transaction of its own, and the
    barrier it is given lets nobody write before everybody has read."""
    assert runners <= CONNECTIONS
    everybody_has_read = Barrier(runners, timeout=PATIENCE_SECONDS)

    def run() -> None:
        with database.transaction() as session:
            change(session, everybody_has_read)

    race([run] * runners)


def insert_unless_there(database: Database, table: str, *, runners: int) -> int:
    """Look, then insert, into a copy of `table` without its unique keys; how many rows one key
    has afterwards. This is what ON CONFLICT and the unique keys are there against."""
    with database.transaction() as session:
        session.execute(text(f"CREATE TABLE naive_copy AS SELECT * FROM {table} WITH NO DATA"))
        session.execute(text("ALTER TABLE naive_copy ADD COLUMN the_key text"))

    def insert(session: Session, everybody_has_read: Barrier) -> None:
        there = session.scalar(text("SELECT count(*) FROM naive_copy WHERE the_key = 'k'"))
        everybody_has_read.wait()
        if not there:
            session.execute(text("INSERT INTO naive_copy (the_key) VALUES ('k')"))

    race_transactions(database, insert, runners=runners)
    with database.reading() as session:
        return session.scalar(text("SELECT count(*) FROM naive_copy")) or 0


def slow_down_updates(database: Database, table: str, *, seconds: float = 0.3) -> None:
    """From now on every UPDATE of a row keeps its lock so much longer before the next statement
    comes: whoever locks in another order meets the others for certain."""
    with database.transaction() as session:
        session.execute(
            text(
                "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql"
                f" AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$"
            )
        )
        session.execute(
            text(
                f"CREATE TRIGGER linger AFTER UPDATE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION linger()"
            )
        )


def wait_for_lingering(database: Database) -> None:
    """Wait until somebody is inside such an UPDATE."""

    def lingers() -> bool:
        with database.reading() as session:
            return bool(
                session.scalar(
                    text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
                )
            )

    assert wait_until(lingers, seconds=PATIENCE_SECONDS, pause=0.005), "nobody came to the UPDATE"
