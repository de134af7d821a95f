"""The database is away: game servers are told to come back, within the five seconds they wait."""

from __future__ import annotations

import dataclasses
import multiprocessing
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select, text
from werkzeug.test import Client

from api.verify_gate import VerifyGate
from storefront.bootstrap import Shop, boot
from storefront.kit.clock import system_clock
from storefront.kit.ids import new_id
from storefront.licenses.checks import Check
from storefront.licenses.limits import NoLimits
from storefront.licenses.recorder import MOST_WAITING, Recorder
from storefront.licenses.usage_models import LicenseCheck
from storefront.sandbox.services.ports import choose_port
from tests.api.conftest import VERIFY, Bought

PATIENCE_SECONDS = 5.0
HERE = "198.51.100.1"
PROMISED = {"error": "database_unavailable", "retry_after": 5}


@contextmanager
def desk_over(shop: Shop, database_url: str) -> Iterator[Callable[[], Any]]:
    """How to ask a shop whose database is there."""
    settings = dataclasses.replace(shop.settings, database_url=database_url)
    broken = boot(settings, pool_size=2)
    gate = VerifyGate(_nothing, dataclasses.replace(broken, vault=shop.vault), limits=NoLimits())
    client = Client(gate)
    yield lambda: client.post(VERIFY, json={"key": shop.vault.make_key()})
    gate.desk.recorder._checks.clear()
    gate.desk.close()
    broken.database.engine.dispose()


def _nothing(_environ: Any, _start: Any) -> list[bytes]:
    raise AssertionError("only the check is asked for")


def check(code: str = "VALID") -> Check:
    return Check(new_id(), None, "", code, HERE, "", "", "", None, "", system_clock())


def written(shop: Shop) -> int:
    with shop.database.reading() as session:
        return session.scalar(select(func.count()).select_from(LicenseCheck)) or 0


def test_without_a_database_the_answer_is_503_in_time(shop: Shop) -> None:
    with desk_over(shop, f"postgresql://x:x@127.0.0.1:{choose_port()}/x") as ask:
        began = time.monotonic()
        answer = ask()

        assert (answer.status_code, answer.get_json()) == (503, PROMISED)
        assert answer.headers["Retry-After"] == "5"
        assert answer.headers["Content-Type"] == "application/json"
        assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_database_that_says_nothing_is_not_waited_for(shop: Shop) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        desk_over(shop, f"postgresql://x:x@127.0.0.1:{silent.getsockname()[1]}/x") as ask,
    ):
        began = time.monotonic()
        assert ask().status_code == 503
        took = time.monotonic() - began
        assert ask().status_code == 503

        assert took < PATIENCE_SECONDS
        assert time.monotonic() - began - took < 0.4, "the next one need not find out again"


def test_connections_that_were_cut_are_replaced_without_a_word(bought: Bought) -> None:
    gate = VerifyGate(_nothing, bought.shop, limits=NoLimits())
    client = Client(gate)
    for _ in range(3):
        assert client.post(VERIFY, json={"key": bought.key}).get_json()["code"] == "VALID"
        with bought.shop.database.reading() as session:
            cut = session.scalars(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'verify' AND datname = current_database()"
                )
            ).all()
        assert cut
    gate.desk.close()


def test_a_look_up_that_hangs_is_given_up(bought: Bought, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds a lock that even readers wait for."""
    monkeypatch.setattr("storefront.licenses.lookup.QUERY_SECONDS", 0.3)
    gate = VerifyGate(_nothing, bought.shop, limits=NoLimits())
    client = Client(gate)
    assert client.post(VERIFY, json={"key": bought.key}).status_code == 200
    with bought.shop.database.transaction() as session:
        session.execute(text("LOCK TABLE licenses IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        assert client.post(VERIFY, json={"key": bought.key}).status_code == 503
        assert time.monotonic() - began < PATIENCE_SECONDS
    time.sleep(0.6)

    assert client.post(VERIFY, json={"key": bought.key}).status_code == 200
    gate.desk.close()


def test_what_cannot_be_written_waits_and_is_written_later(shop: Shop) -> None:
    dead = boot(
        dataclasses.replace(
            shop.settings, database_url=f"postgresql://x:x@127.0.0.1:{choose_port()}/x"
        ),
        pool_size=1,
    )
    recorder = Recorder(dead.database)
    for code in ("ONE", "TWO"):
        recorder.record(check(code))
    assert not recorder.flush()

    recorder._database = shop.database

    assert recorder.flush()
    recorder.close()
    with shop.database.reading() as session:
        codes = session.scalars(select(LicenseCheck.code).order_by(LicenseCheck.id)).all()
    assert codes == ["ONE", "TWO"]


def test_while_the_database_is_away_memory_does_not_fill(shop: Shop) -> None:
    recorder = Recorder(shop.database)
    one = check()
    recorder._checks.extend([one] * MOST_WAITING)
    for _ in range(500):
        recorder.record(one)

    assert len(recorder._checks) == MOST_WAITING
    assert recorder._dropped == 500
    recorder._checks.clear()
    recorder.close()


def test_what_the_database_refuses_is_dropped_and_does_not_stop_the_rest(shop: Shop) -> None:
    recorder = Recorder(shop.database)
    recorder.record(check()._replace(address="not an address"))
    assert recorder.flush()
    recorder.record(check())
    assert recorder.flush()
    recorder.close()

    assert written(shop) == 1


def test_the_thread_writes_by_itself(shop: Shop) -> None:
    recorder = Recorder(shop.database)
    recorder.record(check())

    until = time.monotonic() + 10
    while not written(shop) and time.monotonic() < until:
        time.sleep(0.05)
    recorder.close()

    assert written(shop) == 1


def _record_and_end(settings: Any) -> None:
    shop = boot(settings, pool_size=1)
    Recorder(shop.database).record(check())


def test_a_process_that_ends_writes_what_it_still_has(shop: Shop) -> None:
    """Such a process as the web server's workers are; `atexit` says nothing there."""
    process = multiprocessing.get_context("spawn").Process(
        target=_record_and_end, args=(shop.settings,)
    )
    process.start()
    process.join(30)

    assert process.exitcode == 0
    assert written(shop) == 1


def test_a_revocation_by_another_process_is_seen_by_the_next_question(bought: Bought) -> None:
    gate = VerifyGate(_nothing, bought.shop, limits=NoLimits())
    client = Client(gate)
    assert client.post(VERIFY, json={"key": bought.key}).get_json()["valid"]

    subprocess.run(
        [
            *(sys.executable, "-c"),
            "import psycopg, sys; c = psycopg.connect(sys.argv[1], autocommit=True);"
            "c.execute(\"UPDATE licenses SET status = 'revoked'\")",
            bought.shop.settings.database_url,
        ],
        check=True,
        timeout=30,
    )

    assert client.post(VERIFY, json={"key": bought.key}).get_json()["code"] == "REVOKED"
    gate.desk.close()
