"""A PostgreSQL server of our own: no installation, loopback only, password required."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

from storefront.sandbox.services.cluster import SHOP, Place, create_cluster, remove_cluster, settle
from storefront.sandbox.services.ports import LOOPBACK, choose_port, hold_port
from storefront.sandbox.services.process import (
    Farewell,
    ProcessRecord,
    ServiceError,
    never,
    processes_in,
    record_of,
    start_process,
    stop_process,
    stop_record,
    tail,
    wait_until,
)

# PostgreSQL's own words: SIGINT is a fast shutdown (roll back, close, write a checkpoint), SIGQUIT
# an immediate one (recover at the next start).
FAREWELL: Farewell = (
    (signal.SIGINT, 5.0),
    (signal.SIGQUIT, 2.0),
    (signal.SIGKILL, 2.0),
)
START_SECONDS = 60.0

SETTINGS = {
    "listen_addresses": LOOPBACK,
    # No socket file: nothing to clean up, and no limit on the length of the folder's path.
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    # Compiling a plan costs more than any of our queries take.
    "jit": "off",
}
# Test data is thrown away: it need not survive a loss of power (it does survive kill -9).
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresServer:
    """One server over one folder. The folder has one owner at a time: hold its FolderLock.

    `start` gives the address and may be called again after the server died: the port stays.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        log: Path | None = None,
        dies_with_parent: bool = True,
    ) -> None:
        self.folder = folder.absolute()
        self.log = log or self.folder / "postgres.log"
        self.is_new = False
        self._durable = durable
        self._dies_with_parent = dies_with_parent
        self._port: int | None = None
        self._password = ""
        self._place: Place | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The shop's address, password included."""
        return f"postgresql://{SHOP}:{self._password}@{LOOPBACK}:{self._port}/{SHOP}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process and self.is_running() else None

    def is_running(self) -> bool:
        """Whether the server we started still lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, port: int | None = None, interrupted: Callable[[], bool] = never) -> str:
        """Make the cluster when there is none, start it, wait until it takes connections.

        Raises ServiceError with the log's tail, InterruptedStartError.
        """
        self.launch(port=port, interrupted=interrupted)
        self.wait_ready(interrupted=interrupted)
        return self.url

    def settle(self, *, port: int | None = None) -> str:
        """Decide on folder, password and port, and return the address: others may be told it before
        anybody answers there. A server left behind by a killed parent is shut down first."""
        self._place = place = settle(self.folder)
        self.is_new = not place.data.exists()
        self._password = _kept_password(self.folder / "password", fresh=self.is_new)
        _end_leftovers(place.data)
        self._port = choose_port(port)
        return self.url

    def launch(self, *, port: int | None = None, interrupted: Callable[[], bool] = never) -> None:
        """The first half of `start`: all but waiting for the server. What a dead postmaster left
        behind is ended first, because two on one data directory would ruin it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self._port is None:
            self.settle(port=port)
        self._place = place = settle(self.folder)
        if not place.data.exists():
            create_cluster(
                place,
                shop_password=self._password,
                log=self.log,
                interrupted=interrupted,
            )
        _end_leftovers(place.data)
        self._port = hold_port(self._port or choose_port(port))
        self._spawn(place)

    def wait_ready(self, *, interrupted: Callable[[], bool] = never) -> None:
        """The second half of `start`. Raises ServiceError, InterruptedStartError."""
        ready = wait_until(self._is_ready_or_gone, seconds=START_SECONDS, interrupted=interrupted)
        if not ready or not self.is_running():
            self.stop()
            raise ServiceError(f"PostgreSQL did not start:\n{tail(self.log)}")

    def stop(self) -> None:
        """Shut down, politely at first. Nothing happens when it does not run."""
        if self._process is not None:
            stop_process(self._process, FAREWELL)
            self._process = None

    def destroy(self) -> None:
        """Stop, and remove the cluster with everything in it."""
        self.stop()
        remove_cluster(self.folder)
        self._port = None

    def _spawn(self, place: Place) -> None:
        settings = SETTINGS if self._durable else SETTINGS | NOT_DURABLE
        argv = [place.program("postgres"), "-D", str(place.data), "-p", str(self._port)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        self._process = start_process(
            argv,
            log=self.log,
            cwd=place.home,
            user=place.user,
            death_signal=signal.SIGINT if self._dies_with_parent else None,
        )

    def _is_ready_or_gone(self) -> bool:
        """The postmaster writes its state into the eighth line of its pid file."""
        if not self.is_running() or self._place is None or self._process is None:
            return True
        lines = _pid_file_lines(self._place.data)
        return len(lines) > 7 and lines[0] == str(self._process.pid) and lines[7] == "ready"


@contextlib.contextmanager
def temporary_postgres() -> Iterator[PostgresServer]:
    """A running server for tests, in a folder of its own that is removed afterwards."""
    base = Path(mkdtemp(prefix="storefront-test-postgres-"))
    base.chmod(0o711)  # the server's user walks through it when we are root
    server = PostgresServer(base / "server", durable=False)
    try:
        server.start()
        yield server
    finally:
        server.destroy()
        shutil.rmtree(base, ignore_errors=True)


def _kept_password(path: Path, *, fresh: bool) -> str:
    if fresh or not path.exists():
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _pid_file_lines(data: Path) -> list[str]:
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except OSError:
        return []


def _end_leftovers(data: Path) -> None:
    """Shut down whoever still serves this data directory, then drop a stale pid file.

    A postmaster and its children work inside the data directory, which tells them apart from a
    stranger that was given the same pid since.
    """
    lines = _pid_file_lines(data)
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    leftovers = {record.pid: record for record in processes_in(data)}
    postmaster = leftovers.pop(pid, None) or _postmaster_by_command(pid, data)
    if postmaster and not stop_record(postmaster, FAREWELL):
        raise ServiceError(f"an earlier PostgreSQL (process {postmaster.pid}) cannot be stopped")
    for record in leftovers.values():  # backends whose postmaster was killed leave by themselves
        stop_record(record, ((signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0)))
    (data / "postmaster.pid").unlink(missing_ok=True)


def _postmaster_by_command(pid: int, data: Path) -> ProcessRecord | None:
    """The same question where the system does not show working directories."""
    if pid < 2 or Path("/proc/self/cwd").exists():
        return None
    shown = subprocess.run(  # noqa: S603
        ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return record_of(pid) if str(data) in shown.stdout else None
