"""The demo's life and death, with real databases and a shop that is only a stand-in."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from storefront.sandbox.demo_records import read_processes
from storefront.sandbox.demo_stack import DemoStack
from storefront.sandbox.services.ports import choose_port
from storefront.sandbox.services.process import wait_until
from tests.demo.conftest import Demos, left_behind

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="what was left behind can be seen on Linux only"
)


def status_of(url: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    finally:
        connection.close()


def is_open(url: str) -> bool:
    try:
        return status_of(url) == 200
    except OSError:
        return False


def remember(demo: DemoStack, word: str) -> None:
    with psycopg.connect(demo.environment["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", (word,))


def remembered(demo: DemoStack) -> list[str]:
    with psycopg.connect(demo.environment["DATABASE_URL"]) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM words")]


def is_back(demo: DemoStack) -> bool:
    try:
        return bool(remembered(demo))
    except psycopg.OperationalError:
        return False


def test_a_ready_demo_says_where_it_is_and_who_can_sign_in(standin_demo: Demos) -> None:
    demo = standin_demo().start()

    assert status_of(demo.url) == 200
    assert status_of(str(demo.report["inbox_url"])) == 200
    assert set(demo.report) == {"url", "sandbox_url", "inbox_url", "users", "licenses"}
    assert "mali (owner)" in demo.output.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_everything_and_keeps_the_data(
    standin_demo: Demos, number: signal.Signals
) -> None:
    demo = standin_demo().start()
    remember(demo, "kept")
    secrets = demo.environment["SECRET_KEY"]

    demo.interrupt(number)

    assert demo.wait_ended() == 0
    assert left_behind(demo.folder) == []
    assert not (demo.folder / "demo.json").exists()
    demo.start()
    assert remembered(demo) == ["kept"]
    assert demo.environment["SECRET_KEY"] == secrets
    assert (demo.folder / "prepare-runs").read_text() == "x", "an untouched shop is prepared once"


def the_folder_is_ours(folder: Path) -> bool:
    return (folder / "lock").exists()


def the_database_is_being_made(folder: Path) -> bool:
    return (folder / "postgres" / "cluster" / "building").exists()


def the_sandbox_runs(folder: Path) -> bool:
    return "sandbox" in read_processes(folder)


def the_preparation_runs(folder: Path) -> bool:
    return (folder / "logs" / "prepare.log").exists()


@pytest.mark.parametrize(
    "moment",
    [the_folder_is_ours, the_sandbox_runs, the_database_is_being_made, the_preparation_runs],
)
def test_a_stop_during_the_start_leaves_nothing(
    standin_demo: Demos, moment: Callable[[Path], bool]
) -> None:
    demo = standin_demo(STANDIN_PREPARE_SECONDS="30")
    demo.launch()
    assert wait_until(lambda: moment(demo.folder), seconds=20, pause=0.002)

    demo.interrupt(signal.SIGTERM)

    assert demo.wait_ended(timeout=10) == 0
    assert left_behind(demo.folder) == []
    again = standin_demo(demo.folder).start()
    assert status_of(again.url) == 200


def test_a_killed_demo_starts_again_at_once_on_its_port_with_its_data(standin_demo: Demos) -> None:
    demo = standin_demo(port=choose_port()).start()
    remember(demo, "before the kill")

    demo.interrupt(signal.SIGKILL)
    demo.wait_ended()
    demo.start()

    assert remembered(demo) == ["before the kill"]
    assert status_of(demo.url) == 200
    demo.stop()
    assert left_behind(demo.folder) == []


def test_a_demo_killed_during_its_first_start_starts_again(standin_demo: Demos) -> None:
    demo = standin_demo()
    demo.launch()
    assert wait_until(lambda: the_database_is_being_made(demo.folder), seconds=20, pause=0.002)

    demo.interrupt(signal.SIGKILL)
    demo.wait_ended()
    demo.start()

    assert status_of(demo.url) == 200


def test_two_demos_run_side_by_side(standin_demo: Demos) -> None:
    one, two = standin_demo().start(), standin_demo().start()
    remember(one, "one")
    remember(two, "two")

    one.stop()

    assert remembered(two) == ["two"]
    assert status_of(two.url) == 200
    assert one.folder != two.folder


def test_a_second_demo_in_one_folder_is_refused_and_harms_nothing(standin_demo: Demos) -> None:
    demo = standin_demo().start()
    second = standin_demo(demo.folder)

    second.launch()

    assert second.wait_ended() == 1
    assert "already runs" in demo.output.read_text()
    assert status_of(demo.url) == 200


def test_a_taken_port_is_named(standin_demo: Demos) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        demo = standin_demo(port=port)

        demo.launch()

        assert demo.wait_ended() == 1
    assert f"Port {port} is taken" in demo.output.read_text()
    assert left_behind(demo.folder) == []


def test_a_shop_that_does_not_start_shows_its_log(standin_demo: Demos) -> None:
    demo = standin_demo(STANDIN_WEB="broken")

    demo.launch()

    assert demo.wait_ended() == 1
    assert "SECRET_KEY is missing" in demo.output.read_text()
    assert left_behind(demo.folder) == []


def test_whatever_is_killed_comes_back(standin_demo: Demos) -> None:
    demo = standin_demo().start()
    remember(demo, "kept")

    for name in ("web", "worker", "scheduler", "sandbox", "valkey", "postgres"):
        killed = demo.kill(name)
        demo.wait_running(name, other_than=killed)

    assert wait_until(lambda: is_open(demo.url), seconds=10)
    assert wait_until(lambda: is_open(demo.sandbox_url), seconds=10)
    assert wait_until(lambda: is_back(demo), seconds=10)
    assert remembered(demo) == ["kept"]
    assert "postgres died" in demo.output.read_text()
    demo.stop()
    assert left_behind(demo.folder) == []
