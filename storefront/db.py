"""The database: one engine, one declarative base, and the rule of who opens a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Engine, MetaData, Uuid, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from storefront.kit.ids import new_id

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_ENQUEUED = "enqueued"
_ON_ENQUEUED = "on_enqueued"
_open_transaction: ContextVar[bool] = ContextVar("open_transaction", default=False)


class Base(DeclarativeBase):
    """What every table derives from; knows nothing of Flask."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        int: BigInteger(),
        dict[str, Any]: JSONB(),
        list[str]: JSONB(),
    }


class Identified:
    """A time-ordered UUID primary key."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class TransactionMisuse(RuntimeError):
    """A transaction was nested, or an outside service was called inside one."""


class Database:
    """Hands out transactions (writing) and reading sessions over one connection pool."""

    def __init__(self, engine: Engine, *, on_enqueued: Callable[[list[UUID]], None]) -> None:
        self.engine = engine
        self.before_transaction: Callable[[], None] = _nothing
        # Readers run in autocommit: no BEGIN and ROLLBACK round trips, no idle transaction.
        self.reading_engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writers = sessionmaker(
            engine, expire_on_commit=False, info={_ON_ENQUEUED: on_enqueued}
        )
        self._readers = sessionmaker(self.reading_engine, expire_on_commit=False)
        event.listen(self._readers, "before_flush", refuse_writes)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One database transaction: commits at the end, rolls back on any exception.

        For entry points and flows only. Raises TransactionMisuse when one is already open.
        The bell is rung for outbox messages once the commit succeeded. `before_transaction`
        lets the web give back its reading connection first, so a request never holds two.
        """
        if _open_transaction.get():
            raise TransactionMisuse("a transaction is already open")
        self.before_transaction()
        token = _open_transaction.set(True)
        try:
            with self._writers() as session, session.begin():
                yield session
        finally:
            _open_transaction.reset(token)
        if message_ids := session.info.get(_ENQUEUED):
            session.info[_ON_ENQUEUED](message_ids)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries only, in autocommit; flushing a change raises."""
        with self._readers() as session:
            yield session


def connect(url: str, *, pool_size: int = 8, application: str = "shop") -> Engine:
    """An engine whose waits are all bounded, so a dead or silent database fails fast."""
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": 2,
            "application_name": application,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "options": "-c lock_timeout=3s -c statement_timeout=15s"
            " -c idle_in_transaction_session_timeout=15s -c timezone=UTC",
        },
    )


def ring_after_commit(session: Session, message_id: UUID) -> None:
    """Tell the queue of this outbox message once the transaction is committed; never if it
    rolls back."""
    session.info.setdefault(_ENQUEUED, []).append(message_id)


def forbid_open_transaction(what: str) -> None:
    """Guard of every provider call: waiting on the network must not hold row locks.

    Raises TransactionMisuse when a transaction is open here.
    """
    if _open_transaction.get():
        raise TransactionMisuse(f"{what} was called inside a database transaction")


def refuse_writes(session: Session, *_: object) -> None:
    """Listener for reading sessions."""
    if session.new or session.dirty or session.deleted:
        raise TransactionMisuse("a reading session was asked to write")


def _nothing() -> None:
    return None
