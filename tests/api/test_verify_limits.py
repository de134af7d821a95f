"""Who asks too often, and who is answered all the same."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import select
from werkzeug.test import Client

from api.licenses import GATE
from api.verify_gate import VerifyGate
from storefront.app import create_app
from storefront.bootstrap import Shop
from storefront.licenses.limits import MISSES, Limits, MemoryLimits, Standing
from storefront.licenses.models import License
from storefront.licenses.shared_limits import SharedLimits
from storefront.licenses.usage_models import LicenseCheck
from storefront.sandbox.services.ports import choose_port
from tests.api.conftest import VERIFY, Bought
from tests.storefront.orders.purchases import buy
from tests.support.factories import Factory

HERE, THERE = "198.51.100.1", "198.51.100.2"


@pytest.fixture
def shared(valkey_url: str) -> Iterator[SharedLimits]:
    """Limits that nobody has counted against yet."""
    with closing(Redis.from_url(valkey_url)) as redis:
        redis.flushdb()
    limits = SharedLimits(valkey_url)
    yield limits
    limits.close()


@pytest.fixture
def alone() -> SharedLimits:
    """The same while Redis is away."""
    return SharedLimits(f"redis://127.0.0.1:{choose_port()}/0")


class Desk:
    """A shop that counts, and servers that ask it."""

    def __init__(self, shop: Shop, limits: Limits) -> None:
        self.gate = VerifyGate(_nothing, shop, limits=limits)
        self._client = Client(self.gate)

    def ask(self, address: str = HERE, **question: Any) -> tuple[int, dict[str, Any]]:
        answer = self._client.post(VERIFY, json=question, environ_base={"REMOTE_ADDR": address})
        return answer.status_code, answer.get_json()

    def codes(self, times: int, address: str = HERE, **question: Any) -> Counter[Any]:
        answers = [self.ask(address, **question) for _ in range(times)]
        return Counter(body.get("code", status) for status, body in answers)


def _nothing(_environ: Any, _start: Any) -> list[bytes]:
    raise AssertionError("only the check is asked for")


@pytest.fixture(params=["shared", "alone"])
def desk(request: pytest.FixtureRequest, bought: Bought) -> Iterator[Desk]:
    """With Redis, and without it."""
    desk = Desk(bought.shop, request.getfixturevalue(request.param))
    yield desk
    desk.gate.desk.close()


def test_a_restart_with_forty_scripts_is_answered_forty_times(
    desk: Desk, bought: Bought, make: Factory
) -> None:
    for _ in range(4):
        buy(bought.shop, make, bought.owner, (bought.product, 10))
    with bought.shop.database.reading() as session:
        sealed = session.scalars(select(License.key_encrypted)).all()
    keys = [bought.shop.vault.open(one) for one in sealed]

    for _ in range(2):
        assert {desk.ask(key=key)[1]["code"] for key in keys} == {"VALID"}
    assert len(keys) == 41


def test_beyond_its_limit_a_good_key_gets_its_last_verdict_with_the_new_nonce(
    desk: Desk, bought: Bought
) -> None:
    for number in range(50):
        nonce = f"nonce-{number:012d}"
        status, verdict = desk.ask(key=bought.key, nonce=nonce)
        assert (status, verdict["code"], verdict["nonce"]) == (200, "VALID", nonce)
        payload = json.loads(verdict["payload"])
        assert payload["nonce"] == nonce
        assert bought.shop.signing.sign(verdict["payload"]).sig == verdict["sig"]


def test_a_revocation_is_seen_within_a_second_even_beyond_the_limit(
    desk: Desk, bought: Bought
) -> None:
    assert desk.codes(60, key=bought.key) == {"VALID": 60}

    bought.change(status="revoked")
    began = time.monotonic()
    while desk.ask(key=bought.key)[1]["code"] == "VALID":
        assert time.monotonic() - began < 1.0
        time.sleep(0.01)

    assert desk.ask(key=bought.key)[1]["code"] == "REVOKED"


def test_a_key_that_is_not_good_here_is_told_to_wait(desk: Desk, bought: Bought) -> None:
    bought.change(status="suspended")

    assert desk.codes(40, key=bought.key) == {"SUSPENDED": 30, 429: 10}
    status, refusal = desk.ask(key=bought.key)
    assert (status, refusal["error"]) == (429, "too_many_requests")
    assert 1 <= refusal["retry_after"] <= 2
    assert desk.ask(THERE, key=bought.key)[1]["code"] == "SUSPENDED"


def test_a_thousand_unknown_keys_shut_out_nobody_but_the_unknown(
    desk: Desk, bought: Bought, make: Factory
) -> None:
    desk.ask(key=bought.key)
    vault = bought.shop.vault

    found = Counter(desk.ask(key=vault.make_key())[0] for _ in range(1000))

    assert found == {200: MISSES, 429: 1000 - MISSES}
    status, refusal = desk.ask(key=vault.make_key())
    assert status == 429
    assert 500 <= refusal["retry_after"] <= 600
    assert desk.codes(5, key=bought.key) == {"VALID": 5}
    assert desk.codes(5, THERE, key=bought.key) == {"VALID": 5}
    assert desk.ask(THERE, key=vault.make_key())[1]["code"] == "NOT_FOUND"


def test_what_is_refused_for_its_number_asks_no_database(desk: Desk, bought: Bought) -> None:
    for _ in range(MISSES):
        desk.ask(key="unknown")
    desk.gate.desk.lookup.find = None  # type: ignore[method-assign, assignment]

    assert desk.ask(key=bought.shop.vault.make_key())[0] == 429


def test_of_a_flood_few_lines_are_written_down(desk: Desk, bought: Bought) -> None:
    desk.codes(100, key=bought.key)
    desk.codes(300, THERE, key="unknown")

    desk.gate.desk.recorder.flush()
    with bought.shop.database.reading() as session:
        written = Counter(session.scalars(select(LicenseCheck.code)))
    assert written["TOO_MANY"] <= 2
    assert written["VALID"] <= 35
    assert written["NOT_FOUND"] == MISSES


def test_a_silent_redis_costs_one_moment_and_then_nothing(bought: Bought) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limits = SharedLimits(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        desk = Desk(bought.shop, limits)
        began = time.monotonic()
        assert desk.ask(key=bought.key)[1]["code"] == "VALID"
        first = time.monotonic()
        assert desk.codes(50, key=bought.key) == {"VALID": 50}
        assert first - began < 1.5
        assert time.monotonic() - first < 2.0
        desk.gate.desk.close()


def test_when_redis_comes_back_it_counts_again(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storefront.licenses.limit_store.REST_SECONDS", 0.05)
    with closing(Redis.from_url(valkey_url)) as redis:
        redis.flushdb()
        limits = SharedLimits(valkey_url)
        limits._ticker.close()

        def ask_twice() -> Standing:
            limits.count("k", "n")
            standing = limits.count("k", "n")
            limits.tell()
            return standing

        ask_twice()
        before = redis.dbsize()
        redis.client_kill_filter(_type="normal", skipme=True)
        ask_twice()
        redis.flushdb()
        redis.script_flush()
        time.sleep(0.1)

        assert ask_twice() == Standing(0, False)
        assert redis.dbsize() == before == 2
        limits.close()


def test_what_is_far_from_every_limit_does_not_wait_for_redis(valkey_url: str) -> None:
    limits = SharedLimits(valkey_url)
    # Nothing tells it in the background.
    limits._ticker.close()
    with closing(Redis.from_url(valkey_url)) as redis:
        redis.flushdb()

        def asked() -> int:
            return int(redis.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

        before = asked()
        for number in range(7):
            limits.count("k", "n")
            limits.count(f"k{number}", "n2")
        assert (asked(), redis.dbsize()) == (before, 0)
        limits.tell()
        assert (asked(), redis.dbsize()) == (before + 1, 2 + 8)
        # The first question of an address in a minute is nobody's business but its own.
        limits.count("k", "alone")
        limits.know("k", "alone")
        limits.tell()
        assert (asked(), redis.dbsize()) == (before + 1, 2 + 8)
        limits.count("k", "alone")
        limits.tell()
        assert (asked(), redis.dbsize()) == (before + 2, 2 + 8 + 3)
        limits.count("k", "n")
        assert asked() == before + 3
    limits.close()


def test_what_was_asked_once_is_forgotten_after_a_minute_and_a_flood_is_bounded(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storefront.licenses.shared_limits._MOST_ALONE", 100)
    limits = SharedLimits(valkey_url)
    limits._ticker.close()
    for number in range(150):
        limits.count("k", f"n{number}")
    limits.tell()
    assert (len(limits._alone), len(limits._alone_before)) == (0, 150)
    limits.count("k", "another")
    limits.tell()
    assert len(limits._alone) + len(limits._alone_before) == 151

    monkeypatch.setattr(limits, "_forget_at", 0.0)
    limits.tell()
    assert list(limits._alone_before) == ["another"]
    limits.close()


def test_two_processes_let_through_what_one_may_and_a_quarter(valkey_url: str) -> None:
    with closing(Redis.from_url(valkey_url)) as redis:
        redis.flushdb()
    both = [SharedLimits(valkey_url), SharedLimits(valkey_url)]
    for limits in both:
        limits._ticker.close()

    passed = [not both[turn % 2].count("k", "n").wait_ms for turn in range(100)]
    assert 30 <= sum(passed) <= 38
    for limits in both:
        limits.tell()
    # Each of them knows now what the other let through, and asks before it answers.
    assert not any(not limits.count("k", "n").wait_ms for limits in both)
    for limits in both:
        limits.close()


def test_what_one_process_knows_holds_in_the_other(valkey_url: str) -> None:
    """With a control: before it is told, nobody knows."""
    with closing(Redis.from_url(valkey_url)) as redis:
        redis.flushdb()
    one, other = SharedLimits(valkey_url), SharedLimits(valkey_url)
    for limits in (one, other):
        limits._ticker.close()
    for number in range(MISSES):
        one.count(str(number), "n")
        one.miss("n")
    one.know("good", "n")

    assert [other.count("a", "n").wait_ms for _ in range(2)] == [0, 0]
    one.tell()
    other.tell()
    assert other.count("b", "n").wait_ms > 500_000
    assert other.count("good", "n").is_good
    for limits in (one, other):
        limits.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["count"] * 6 + ["miss", "know"]),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(["n1", "n2"]),
            st.integers(1, 30),
        ),
        max_size=25,
    )
)
def test_redis_and_memory_count_alike(
    valkey_url: str, steps: list[tuple[str, str, str, int]]
) -> None:
    with closing(Redis.from_url(valkey_url)) as redis:
        redis.flushdb()
    shared, memory = SharedLimits(valkey_url), MemoryLimits()
    shared._ticker.close()
    for action, key, network, times in steps:
        for _ in range(times):
            found = []
            for limits in (shared, memory):
                match action:
                    case "count":
                        found.append(limits.count(key, network))
                    case "miss":
                        limits.miss(network)
                    case "know":
                        limits.know(key, network)
            if found:
                assert found[0].is_good == found[1].is_good
                # Their clocks are not read in the same moment.
                assert abs(found[0].wait_ms - found[1].wait_ms) < 1_000
    shared.close()


def test_the_memory_of_a_flood_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storefront.licenses.limits._MOST_NAMES", 100)
    limits = MemoryLimits()

    for number in range(1000):
        limits.count(str(number), f"n{number}")
        limits.miss(f"n{number}")
        limits.know(str(number), "n")

    assert max(len(limits._due), len(limits._misses), len(limits._good)) <= 101


def test_all_keys_of_an_address_have_a_limit_together(shared: SharedLimits) -> None:
    for limits in (shared, MemoryLimits()):
        waits = [limits.count(str(number), HERE).wait_ms for number in range(120)]
        within = [wait for wait in waits if not wait]
        # One more comes free every fifth of a second.
        assert 100 <= len(within) <= 110
        assert limits.count("one more", THERE).wait_ms == 0


def test_bans_and_limits_follow_the_network_of_an_ipv6_host(desk: Desk, bought: Bought) -> None:
    for number in range(MISSES):
        assert desk.ask(f"2001:db8::{number:x}", key="unknown")[0] == 200

    assert desk.ask("2001:db8::ffff", key="unknown")[0] == 429
    assert desk.ask("2001:db8:0:1::1", key="unknown")[0] == 200


def test_the_shop_counts_where_it_is_not_under_test(bought: Bought) -> None:
    settings = dataclasses.replace(bought.shop.settings, environment="demo")
    app = create_app(dataclasses.replace(bought.shop, settings=settings))
    Redis.from_url(settings.redis_url).flushdb()
    client = app.test_client(use_cookies=False)

    found = [client.post(VERIFY, json={"key": f"unknown {n}"}).status_code for n in range(25)]
    app.extensions[GATE].desk.close()

    assert found == [200] * MISSES + [429] * 5
