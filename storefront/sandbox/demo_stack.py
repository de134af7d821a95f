"""A demo of one's own for browser and fault tests: the real command, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from storefront.sandbox.demo_plan import ROOT
from storefront.sandbox.demo_records import read_processes
from storefront.sandbox.services.cluster import remove_cluster
from storefront.sandbox.services.lock import holder_of
from storefront.sandbox.services.process import (
    is_same_process,
    start_process,
    stop_process,
    tail,
    wait_until,
)

DEMO = (sys.executable, "-m", "storefront.sandbox.demo")


class DemoStack:
    """`make demo` under control. Its supervisor restarts whatever a test kills.

    The folder should be short-lived and private; port 0 means any free one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        command: Sequence[str] = DEMO,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.output = self.folder / "output.log"
        self._command = [*command, "--dir", str(self.folder), "--port", str(port)]
        self._env = os.environ | dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout: float = 180.0) -> Self:
        """Start and wait for the first page. Raises RuntimeError with what it printed."""
        self.launch()
        self.wait_ready(timeout=timeout)
        return self

    def launch(self) -> None:
        """Start without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = start_process(self._command, log=self.output, cwd=ROOT, env=self._env)

    def wait_ready(self, *, timeout: float = 180.0) -> None:
        """Wait for the first page. Raises RuntimeError with what it printed."""
        wait_until(lambda: self.exit_code is not None or self._is_ready(), seconds=timeout)
        if not self._is_ready():
            self.stop()
            raise RuntimeError(f"the demo did not start:\n{tail(self.output, lines=60)}")

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send the supervisor a signal, and come back at once."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait_ended(self, *, timeout: float = 30.0) -> int:
        """Wait for the supervisor's end; its exit code. Raises TimeoutExpired."""
        if self._process is None:
            return 0
        return self._process.wait(timeout)

    def stop(self) -> None:
        """End it politely, with all that belongs to it; the data stays."""
        if self._process is not None:
            stop_process(self._process, ((signal.SIGTERM, 30.0), (signal.SIGKILL, 2.0)))
            self._process = None

    def destroy(self) -> None:
        """Stop, and remove the folder and the database, wherever that lives."""
        self.stop()
        remove_cluster(self.folder / "postgres")
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """The supervisor's exit code; None while it runs."""
        return self._process.poll() if self._process else 0

    @property
    def report(self) -> dict[str, object]:
        """`demo.json`: addresses, users, licences."""
        report: dict[str, object] = json.loads(self._report_path.read_text())
        return report

    @property
    def url(self) -> str:
        """Where the shop is."""
        return str(self.report["url"])

    @property
    def sandbox_url(self) -> str:
        """Where the outside world is."""
        return str(self.report["sandbox_url"])

    @property
    def environment(self) -> dict[str, str]:
        """The shop's settings, for tests that look into the database or run a command."""
        text = (self.folder / "environment.json").read_text()
        return {name: str(value) for name, value in json.loads(text).items()}

    def pid_of(self, name: str) -> int:
        """The process id of web, worker, scheduler, sandbox, postgres or valkey.

        Raises KeyError while it is down: wait with `wait_running` after a kill.
        """
        record = read_processes(self.folder)[name]
        if not is_same_process(record):
            raise KeyError(name)
        return record.pid

    def kill(self, name: str) -> int:
        """kill -9 one of them; the pid it had."""
        pid = self.pid_of(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_running(self, name: str, *, other_than: int = 0, timeout: float = 30.0) -> int:
        """Wait until it runs (again), and return the new pid. Raises TimeoutError."""

        def runs() -> bool:
            try:
                return self.pid_of(name) != other_than
            except KeyError:
                return False

        if not wait_until(runs, seconds=timeout):
            raise TimeoutError(f"{name} did not come back:\n{tail(self.output)}")
        return self.pid_of(name)

    def _is_ready(self) -> bool:
        """A report alone may be of a killed run, or of another demo that owns the folder."""
        ours = self._process is not None and holder_of(self.folder) == str(self._process.pid)
        return ours and self._report_path.exists()

    @property
    def _report_path(self) -> Path:
        return self.folder / "demo.json"
