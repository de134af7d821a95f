"""PostgreSQL and Valkey from wheels: start, stop, death of the holder, and what survives."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from storefront.sandbox.services.databases import create_database, drop_database
from storefront.sandbox.services.ports import is_port_free
from storefront.sandbox.services.postgres import PostgresServer, temporary_postgres
from storefront.sandbox.services.process import InterruptedStartError, wait_until
from storefront.sandbox.services.valkey import ValkeyServer

HOLDER = """
import sys, time
from pathlib import Path
from storefront.sandbox.services.postgres import PostgresServer
from storefront.sandbox.services.valkey import ValkeyServer
server = {"postgres": PostgresServer, "valkey": ValkeyServer}[sys.argv[1]](
    Path(sys.argv[2]), dies_with_parent=sys.argv[3] == "yes")
server.start()
print(server.pid, server.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to other users, so that root's PostgreSQL can live in it."""
    base = Path(mkdtemp(prefix="storefront-test-services-"))
    base.chmod(0o711)
    yield base / "server"
    shutil.rmtree(base, ignore_errors=True)


def start_in_a_killed_process(kind: str, folder: Path, *, dies_with_parent: bool) -> int:
    """Start a server in another process, kill -9 that process, and return the server's pid."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, kind, str(folder), "yes" if dies_with_parent else "no"],
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        pid, _url = holder.stdout.readline().split()
        holder.kill()
    return int(pid)


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def put(url: str, word: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", (word,))


def words(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM words")]


def test_postgres_keeps_its_data_over_a_stop(folder: Path) -> None:
    server = PostgresServer(folder)
    put(server.start(), "kept")

    server.stop()

    assert not server.is_running()
    assert words(server.start()) == ["kept"]
    assert words(PostgresServer(folder).start()) == ["kept"], "it takes over from its predecessor"
    server.destroy()


def test_the_address_of_postgres_is_known_before_it_is_there(folder: Path) -> None:
    server = PostgresServer(folder, durable=False)

    url = server.settle()

    assert server.is_new
    with pytest.raises(psycopg.OperationalError):
        words(url)
    assert server.start() == url
    put(url, "here")
    server.stop()
    server.settle()
    assert not server.is_new
    server.destroy()


def test_postgres_asks_for_a_password_and_listens_on_this_machine_only(folder: Path) -> None:
    server = PostgresServer(folder, durable=False)
    url = server.start()
    password = (folder / "password").read_text()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('server_encoding'),"
            " current_setting('fsync'), rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == ("127.0.0.1", "UTF8", "off", False)
    assert (folder / "password").stat().st_mode & 0o077 == 0
    assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
    server.destroy()
    assert not folder.exists()


def test_postgres_sorts_and_lowers_thai_and_english_alike_everywhere(folder: Path) -> None:
    with temporary_postgres() as server, psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT lower('ÉCRAN กุญแจ'), 'ก' < 'ฮ'").fetchone()
    assert row == ("écran กุญแจ", True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of this death")
@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_a_server_dies_with_its_killed_parent(kind: str, folder: Path) -> None:
    pid = start_in_a_killed_process(kind, folder, dies_with_parent=True)

    assert wait_until(lambda: is_gone(pid), seconds=10)


def test_postgres_left_behind_is_shut_down_before_the_next_start(folder: Path) -> None:
    pid = start_in_a_killed_process("postgres", folder, dies_with_parent=False)
    assert not is_gone(pid)
    server = PostgresServer(folder)

    put(server.start(), "new owner")

    assert is_gone(pid)
    assert words(server.url) == ["new owner"]
    server.destroy()


def test_valkey_left_behind_is_shut_down_before_the_next_start(folder: Path) -> None:
    pid = start_in_a_killed_process("valkey", folder, dies_with_parent=False)
    assert not is_gone(pid)
    server = ValkeyServer(folder)

    server.start()

    assert is_gone(pid)
    assert Redis.from_url(server.url).ping()
    server.destroy()


def test_postgres_comes_back_on_its_port_with_what_it_acknowledged(folder: Path) -> None:
    server = PostgresServer(folder)
    url = server.start()
    put(url, "acknowledged")
    assert server.pid is not None

    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_running(), seconds=10)

    assert server.start() == url
    assert words(url) == ["acknowledged"]
    server.destroy()


def test_a_stale_pid_file_of_somebody_elses_process_does_not_matter(folder: Path) -> None:
    server = PostgresServer(folder)
    put(server.start(), "kept")
    server.stop()
    pid_file = folder / "cluster" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n/elsewhere\n")

    assert words(server.start()) == ["kept"]
    server.destroy()


def test_an_interrupted_creation_leaves_no_half_of_a_cluster(folder: Path) -> None:
    server = PostgresServer(folder)

    with pytest.raises(InterruptedStartError):
        server.start(interrupted=(folder / "cluster" / "building").exists)

    assert not (folder / "cluster" / "data").exists()
    assert PostgresServer(folder).start()
    server.destroy()


def test_databases_are_cloned_from_a_template_and_dropped(folder: Path) -> None:
    server = PostgresServer(folder, durable=False)
    put(create_database(server.start(), "template"), "from the template")

    clone = create_database(server.url, "clone", template="template")
    put(clone, "own")

    assert words(clone) == ["from the template", "own"]
    drop_database(server.url, "clone")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(clone)
    server.destroy()


def test_valkey_keeps_what_it_acknowledged_over_kill_9(folder: Path) -> None:
    server = ValkeyServer(folder)
    url = server.start()
    Redis.from_url(url).set("word", "kept")
    assert server.pid is not None

    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_running(), seconds=10)

    assert server.start() == url
    assert Redis.from_url(url).get("word") == b"kept"
    server.destroy()


def test_valkey_asks_for_a_password_and_shows_it_to_nobody(folder: Path) -> None:
    server = ValkeyServer(folder, durable=False)
    password = server.start().split(":")[2].split("@")[0]

    with pytest.raises(AuthenticationError):
        Redis.from_url(server.url.replace(password, "guess")).ping()
    assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
    assert (folder / "valkey.conf").stat().st_mode & 0o077 == 0
    server.stop()
    assert is_port_free(int(server.url.rpartition(":")[2].partition("/")[0]))
    server.destroy()
