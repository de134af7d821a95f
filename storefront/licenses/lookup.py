"""The one query of a key check, over connections of its own, and twice a second one more for each
product that is asked about.

Plain libpq instead of SQLAlchemy, because this is the hottest path of the shop (docs/decisions,
0017): a prepared statement, text in and text out. Every wait has an end, also for a database that
takes a question and never answers, which psycopg's own calls would wait for.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg import pq

from storefront.errors import Unavailable
from storefront.licenses.verification import Facts

QUERY_SECONDS: Final = 1.5
CONNECT_SECONDS: Final = 2
REST_SECONDS: Final = 0.5
# What is said of a product stands for so long: a version that was taken back must be refused within
# a second.
GOODS_SECONDS: Final = 0.5
# A plan made while a table was small must not scan it when it has grown, so never scan.
_OPTIONS: Final = (
    "-c statement_timeout=2s -c timezone=UTC -c jit=off"
    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
)
_QUERY: Final = b"""
    SELECT l.id, l.key_hint, l.product_id, l.status, extract(epoch FROM l.expires_at), l.slots,
        u.username, u.banned_at IS NOT NULL,
        l.address_mode = 'auto',
        l.address_mode = 'auto' OR EXISTS (
            SELECT 1 FROM license_addresses a
            WHERE a.license_id = l.id AND a.network >>= $2::inet),
        s.used, s.seen_at, s.idle_since
    FROM licenses l
    JOIN users u ON u.id = l.user_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS used, extract(epoch FROM min(last_seen_at)) AS idle_since,
            extract(epoch FROM max(last_seen_at) FILTER (WHERE network = $2::cidr)) AS seen_at
        FROM license_slots WHERE license_id = l.id) s
    WHERE l.key_hash = $1"""
_GOODS: Final = b"""
    SELECT p.slug,
        (SELECT r.version FROM releases r
            WHERE r.product_id = p.id AND r.channel = 'stable'
                AND r.published_at <= now() AND r.yanked_at IS NULL
            ORDER BY r.version_key DESC LIMIT 1),
        (SELECT string_agg(r.version, ' ') FROM releases r
            WHERE r.product_id = p.id AND r.yanked_at IS NOT NULL)
    FROM products p WHERE p.id = $1"""
_STATEMENTS: Final = {b"verify": _QUERY, b"goods": _GOODS}


class _Goods(NamedTuple):
    """What is known of a product, and until when it is believed."""

    slug: str
    latest_version: str
    taken_back: frozenset[str]
    until: float


class KeyLookup:
    """Finds what is known of a key. Safe from several threads: each takes a connection that no
    other uses, and there are as many as ever asked at once."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._idle: deque[psycopg.Connection[object]] = deque()
        self._resting_until = 0.0
        self._goods: dict[bytes, _Goods] = {}

    def find(self, key_hash: str, *, network: str, version: str) -> Facts | None:
        """One indexed query, no locks; None for an unknown key. Of its product what was read half
        a second ago at most.

        Raises Unavailable `database_unavailable`, at the latest after 3.5 s; for half a second
        after one that was silent, at once.
        """
        result = self._ask(b"verify", [key_hash.encode(), network.encode()])
        if not result.ntuples:
            return None
        product_id = result.get_value(0, 2) or b""
        goods = self._goods.get(product_id)
        if goods is None or goods.until < time.monotonic():
            goods = self._goods[product_id] = self._find_goods(product_id)
        return _facts(result, goods, version)

    def close(self) -> None:
        """Give all idle connections back to the database."""
        while self._idle:
            self._idle.pop().close()

    def _find_goods(self, product_id: bytes) -> _Goods:
        until = time.monotonic() + GOODS_SECONDS
        result = self._ask(b"goods", [product_id])
        slug, latest, taken_back = ((one or b"").decode() for one in _cells(result))
        return _Goods(slug, latest, frozenset(taken_back.split()), until)

    def _ask(self, name: bytes, values: Sequence[bytes]) -> pq.abc.PGresult:
        if time.monotonic() < self._resting_until:
            raise Unavailable("database_unavailable")
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._ask_anew(name, values)
        try:
            return self._ask_over(connection, name, values)
        except TimeoutError as error:
            raise self._unavailable() from error
        except psycopg.Error:
            # Cut off while it lay idle, by a restart for instance: the others were as well.
            self.close()
            return self._ask_anew(name, values)

    def _ask_anew(self, name: bytes, values: Sequence[bytes]) -> pq.abc.PGresult:
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name="verify",
                options=_OPTIONS,
            )
            pgconn = connection.pgconn
            for statement in _STATEMENTS.items():
                _round_trip(pgconn, partial(pgconn.send_prepare, *statement))
            return self._ask_over(connection, name, values)
        except (psycopg.Error, TimeoutError) as error:
            raise self._unavailable() from error

    def _ask_over(
        self, connection: psycopg.Connection[object], name: bytes, values: Sequence[bytes]
    ) -> pq.abc.PGresult:
        pgconn = connection.pgconn
        try:
            result = _round_trip(pgconn, lambda: pgconn.send_query_prepared(name, values))
        except BaseException:
            # Whatever it still answers is nobody's.
            pgconn.finish()
            raise
        self._idle.append(connection)
        return result

    def _unavailable(self) -> Unavailable:
        self._resting_until = time.monotonic() + REST_SECONDS
        return Unavailable("database_unavailable")


def _round_trip(pgconn: pq.abc.PGconn, send: Callable[[], None]) -> pq.abc.PGresult:
    """Send and wait for the one result. Raises TimeoutError, and OperationalError for a broken
    connection as well as for whatever the database refuses."""
    until = time.monotonic() + QUERY_SECONDS
    send()
    while pgconn.flush():
        _wait(pgconn, select.POLLIN | select.POLLOUT, until)
        pgconn.consume_input()
    _wait(pgconn, select.POLLIN, until)
    pgconn.consume_input()
    while pgconn.is_busy():
        _wait(pgconn, select.POLLIN, until)
        pgconn.consume_input()
    result = pgconn.get_result()
    while pgconn.get_result() is not None:
        pass
    if result is None or result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise psycopg.OperationalError("the look-up failed")
    return result


def _wait(pgconn: pq.abc.PGconn, what: int, until: float) -> None:
    poll = select.poll()
    poll.register(pgconn.socket, what)
    if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TimeoutError


def _facts(result: pq.abc.PGresult, goods: _Goods, version: str) -> Facts:
    texts = [None if cell is None else cell.decode() for cell in _cells(result)]
    text = [cell or "" for cell in texts]
    return Facts(
        license_id=UUID(text[0]),
        key_hint=text[1],
        product=goods.slug,
        status=text[3],
        expires_at=_moment(texts[4]),
        slots=int(text[5]),
        username=text[6],
        is_banned=text[7] == "t",
        is_auto=text[8] == "t",
        is_allowed=text[9] == "t",
        is_yanked=version in goods.taken_back,
        latest_version=goods.latest_version,
        used=int(text[10]),
        seen_at=_moment(texts[11]),
        idle_since=_moment(texts[12]),
    )


def _cells(result: pq.abc.PGresult) -> list[bytes | None]:
    return [result.get_value(0, column) for column in range(result.nfields)]


def _moment(seconds: str | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
