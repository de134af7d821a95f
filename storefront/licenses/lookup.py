"""The one query of a key check, over connections of its own.

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
from typing import Final
from uuid import UUID

import psycopg
from psycopg import pq

from storefront.errors import Unavailable
from storefront.licenses.verification import Facts

QUERY_SECONDS: Final = 1.5
CONNECT_SECONDS: Final = 2
REST_SECONDS: Final = 0.5
_NAME: Final = b"verify"
# A plan made while a table was small must not scan it when it has grown, so never scan.
_OPTIONS: Final = (
    "-c statement_timeout=2s -c timezone=UTC -c jit=off"
    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
)
_QUERY: Final = b"""
    SELECT l.id, l.key_hint, p.slug, l.status, extract(epoch FROM l.expires_at), l.slots,
        u.username, u.banned_at IS NOT NULL,
        l.address_mode = 'auto',
        l.address_mode = 'auto' OR EXISTS (
            SELECT 1 FROM license_addresses a
            WHERE a.license_id = l.id AND a.network >>= $2::inet),
        $3 <> '' AND EXISTS (
            SELECT 1 FROM releases r
            WHERE r.product_id = l.product_id AND r.version = $3 AND r.yanked_at IS NOT NULL),
        (SELECT r.version FROM releases r
            WHERE r.product_id = l.product_id AND r.channel = 'stable'
                AND r.published_at <= now() AND r.yanked_at IS NULL
            ORDER BY r.version_key DESC LIMIT 1),
        s.used, s.seen_at, s.idle_since
    FROM licenses l
    JOIN products p ON p.id = l.product_id
    JOIN users u ON u.id = l.user_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS used, extract(epoch FROM min(last_seen_at)) AS idle_since,
            extract(epoch FROM max(last_seen_at) FILTER (WHERE network = $2::cidr)) AS seen_at
        FROM license_slots WHERE license_id = l.id) s
    WHERE l.key_hash = $1"""


class KeyLookup:
    """Finds what is known of a key. Safe from several threads: each takes a connection that no
    other uses, and there are as many as ever asked at once."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._idle: deque[psycopg.Connection[object]] = deque()
        self._resting_until = 0.0

    def find(self, key_hash: str, *, network: str, version: str) -> Facts | None:
        """One indexed query, no locks; None for an unknown key.

        Raises Unavailable `database_unavailable`, at the latest after 3.5 s; for half a second
        after one that was silent, at once.
        """
        values = [key_hash.encode(), network.encode(), version.encode()]
        result = self._ask(values)
        return _facts(result) if result.ntuples else None

    def close(self) -> None:
        """Give all idle connections back to the database."""
        while self._idle:
            self._idle.pop().close()

    def _ask(self, values: Sequence[bytes]) -> pq.abc.PGresult:
        if time.monotonic() < self._resting_until:
            raise Unavailable("database_unavailable")
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._ask_anew(values)
        try:
            return self._ask_over(connection, values)
        except TimeoutError as error:
            raise self._unavailable() from error
        except psycopg.Error:
            # Cut off while it lay idle, by a restart for instance: the others were as well.
            self.close()
            return self._ask_anew(values)

    def _ask_anew(self, values: Sequence[bytes]) -> pq.abc.PGresult:
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name="verify",
                options=_OPTIONS,
            )
            pgconn = connection.pgconn
            _round_trip(pgconn, lambda: pgconn.send_prepare(_NAME, _QUERY))
            return self._ask_over(connection, values)
        except (psycopg.Error, TimeoutError) as error:
            raise self._unavailable() from error

    def _ask_over(
        self, connection: psycopg.Connection[object], values: Sequence[bytes]
    ) -> pq.abc.PGresult:
        pgconn = connection.pgconn
        try:
            result = _round_trip(pgconn, lambda: pgconn.send_query_prepared(_NAME, values))
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


def _facts(result: pq.abc.PGresult) -> Facts:
    texts = [None if cell is None else cell.decode() for cell in _cells(result)]
    text = [cell or "" for cell in texts]
    return Facts(
        license_id=UUID(text[0]),
        key_hint=text[1],
        product=text[2],
        status=text[3],
        expires_at=_moment(texts[4]),
        slots=int(text[5]),
        username=text[6],
        is_banned=text[7] == "t",
        is_auto=text[8] == "t",
        is_allowed=text[9] == "t",
        is_yanked=text[10] == "t",
        latest_version=text[11],
        used=int(text[12]),
        seen_at=_moment(texts[13]),
        idle_since=_moment(texts[14]),
    )


def _cells(result: pq.abc.PGresult) -> list[bytes | None]:
    return [result.get_value(0, column) for column in range(15)]


def _moment(seconds: str | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
