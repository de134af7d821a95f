"""Where a game server's question is decided: limits, look-up, rules, slot, record."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_network
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from storefront.bootstrap import Shop
from storefront.errors import DomainError, Kind
from storefront.licenses.checks import Check
from storefront.licenses.keys import normalize_key
from storefront.licenses.limits import Limits, Standing
from storefront.licenses.lookup import KeyLookup
from storefront.licenses.recorder import Recorder
from storefront.licenses.slots import (
    IDLE,
    Binding,
    Server,
    Sighting,
    release_slot,
    take_slot,
)
from storefront.licenses.verification import Code, Facts, Question, Verdict, judge

STOP: Final = "stop"
TOO_MANY: Final = "TOO_MANY"
# A last verdict stands for so long at most: a revocation must be seen within one second.
LAST_VERDICT_SECONDS: Final = 0.5
# Beyond a limit one question in so long is written down for each server.
NOTED_EVERY_SECONDS: Final = 10.0
TOUCH_AFTER: Final = timedelta(minutes=5)
# From here on being seen is written before the answer: a moment later the slot could be given away.
TOUCH_AT_ONCE_AFTER: Final = IDLE / 2
_MOST_KEPT: Final = 5_000
_CODES: Final = {
    Binding.HELD: Code.VALID,
    Binding.BOUND: Code.VALID,
    Binding.MOVED: Code.VALID,
    Binding.FULL: Code.IP_SLOTS_FULL,
    Binding.NOT_ALLOWED: Code.IP_NOT_ALLOWED,
}
_SHORT_WAITS: Final = text("SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '2s'")


class TooMany(DomainError):
    """Beyond a limit, and not known to be good. `retry_after` is whole seconds."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__("too_many_requests", Kind.TOO_MANY)
        self.retry_after = -(-wait_ms // 1000)


class VerifyDesk:
    """One for each process; safe from several threads."""

    def __init__(self, shop: Shop, *, limits: Limits) -> None:
        self._shop = shop
        self._limits = limits
        self.recorder = Recorder(shop.database)
        self.lookup = KeyLookup(shop.settings.database_url)
        self._last: dict[tuple[str, ...], tuple[float, Verdict]] = {}
        self._noted: dict[str, float] = {}

    def close(self) -> None:
        """Write down what waits and give the connections back."""
        self.recorder.close()
        self.lookup.close()

    def ask(self, question: Question, *, request_id: UUID, now: datetime) -> Verdict:
        """The verdict on a question. Binds, moves or frees a slot where the question calls for it.

        Beyond a limit somebody known to be good gets their last verdict, half a second old at
        most. Raises TooMany for everybody else there, and Unavailable while the database is away.
        """
        key_hash = self._shop.vault.hash_key(question.key)
        # What cannot be a key is still somebody's key to the limits.
        name = (key_hash or sha256(question.key.encode("utf-8", "replace")).hexdigest())[:20]
        standing = self._limits.count(name, question.network)
        if standing.wait_ms:
            return self._beyond_limit(question, key_hash, name, standing, request_id, now)
        verdict = self._decide(question, key_hash, now=now)
        if verdict.code is Code.NOT_FOUND:
            self._limits.miss(question.network)
        elif verdict.code is Code.VALID and not standing.is_good:
            self._limits.know(name, question.network)
        self._note(question, verdict.code, verdict.facts, request_id, now)
        return verdict

    def _beyond_limit(
        self,
        question: Question,
        key_hash: str | None,
        name: str,
        standing: Standing,
        request_id: UUID,
        now: datetime,
    ) -> Verdict:
        is_worth_noting = self._is_worth_noting(question.network)
        if not standing.is_good:
            if is_worth_noting:
                self._note(question, TOO_MANY, None, request_id, now)
            raise TooMany(standing.wait_ms)
        last = (name, question.network, question.product, question.version, question.event)
        at, verdict = self._last.get(last, (0.0, None))
        if verdict is None or time.monotonic() - at > LAST_VERDICT_SECONDS:
            # The clock starts before the look-up: what it finds may change right after.
            at = time.monotonic()
            verdict = self._decide(question, key_hash, now=now)
            if len(self._last) >= _MOST_KEPT:
                self._last.clear()
            self._last[last] = (at, verdict)
        if is_worth_noting:
            self._note(question, verdict.code, verdict.facts, request_id, now)
        return verdict

    def _decide(self, question: Question, key_hash: str | None, *, now: datetime) -> Verdict:
        facts = None
        if key_hash is not None:
            facts = self.lookup.find(key_hash, network=question.network, version=question.version)
        code = judge(facts, question, now=now)
        if facts is None or code is not Code.VALID:
            return Verdict(code, facts, facts.used if facts else 0)
        return self._with_slot(question, facts, now=now)

    def _with_slot(self, question: Question, facts: Facts, *, now: datetime) -> Verdict:
        if question.event == STOP:
            return self._stop(question, facts)
        if facts.seen_at is not None:
            age = now - facts.seen_at
            if age < TOUCH_AT_ONCE_AFTER:
                if age > TOUCH_AFTER:
                    server = _server(question)
                    self.recorder.see(
                        Sighting(license_id=facts.license_id, server=server, seen_at=now)
                    )
                return Verdict(Code.VALID, facts, facts.used)
        elif facts.is_auto and facts.used >= facts.slots and not _has_idle(facts, now):
            # The usual refusal, without a transaction. (From a list a slot may be had.)
            return Verdict(Code.IP_SLOTS_FULL, facts, facts.used)
        binding = self._bind(_server(question), facts.license_id, now=now)
        return Verdict(_CODES[binding], facts, facts.used + (binding is Binding.BOUND))

    def _stop(self, question: Question, facts: Facts) -> Verdict:
        if facts.seen_at is None:
            return Verdict(Code.VALID, facts, facts.used)
        with self._shop.database.transaction() as session:
            session.execute(_SHORT_WAITS)
            was_freed = release_slot(session, facts.license_id, _server(question))
        return Verdict(Code.VALID, facts, facts.used - was_freed)

    def _bind(self, server: Server, license_id: UUID, *, now: datetime) -> Binding:
        for is_last in (False, True):
            try:
                with self._shop.database.transaction() as session:
                    session.execute(_SHORT_WAITS)
                    return take_slot(session, license_id, server, now=now)
            except IntegrityError:
                # Two scripts of one server: one moved to an idle slot while the other found a free
                # one. The second time there is a slot to hold.
                if is_last:
                    raise
        raise AssertionError("not reached")

    def _is_worth_noting(self, network: str) -> bool:
        moment = time.monotonic()
        if moment - self._noted.get(network, -NOTED_EVERY_SECONDS) < NOTED_EVERY_SECONDS:
            return False
        if len(self._noted) >= _MOST_KEPT:
            self._noted.clear()
        self._noted[network] = moment
        return True

    def _note(
        self, question: Question, code: str, facts: Facts | None, request_id: UUID, now: datetime
    ) -> None:
        self.recorder.record(
            Check(
                request_id,
                facts.license_id if facts else None,
                facts.key_hint
                if facts
                else _storable(normalize_key(question.key) or question.key)[:4],
                code,
                question.address,
                question.product,
                question.resource,
                question.version,
                _storable(question.server_id) or None,
                question.event,
                now,
            )
        )


def _server(question: Question) -> Server:
    return Server(
        network=ip_network(question.network),
        server_id=_storable(question.server_id) or None,
        resource=question.resource,
        version=question.version,
    )


def _has_idle(facts: Facts, now: datetime) -> bool:
    return facts.idle_since is not None and now - facts.idle_since >= IDLE


def _storable(text: str) -> str:
    """Without what PostgreSQL cannot keep: NUL and lone halves of characters."""
    if text.isprintable():
        return text
    return "".join(symbol for symbol in text if symbol.isprintable())
