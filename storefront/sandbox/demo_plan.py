"""Which programs make up a running shop, and how each is asked to leave."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storefront.sandbox.demo_settings import STRIPE_WEBHOOK_PATH, Ports, Secrets
from storefront.sandbox.services.ports import LOOPBACK
from storefront.sandbox.services.process import Farewell, start_process, stop_process

ROOT = Path(__file__).resolve().parent.parent.parent

FAREWELL: Farewell = ((signal.SIGTERM, 4.0), (signal.SIGKILL, 1.0))

# Blocking threads equal the database pool of a process, so that no request waits for a connection.
# Back-pressure counts connections, idle ones of browsers too: a small number starves visitors.
WEB_OPTIONS = (
    *("--interface", "wsgi", "--http", "1", "--no-ws"),
    *("--workers", "2", "--blocking-threads", "8", "--backpressure", "256"),
    *("--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3"),
)


class Service(Protocol):
    """Anything the supervisor keeps alive: the servers' own classes fit, and `Command`."""

    log: Path

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""

    def launch(self) -> None:
        """Start it without waiting; also after it died."""

    def is_running(self) -> bool:
        """Whether it lives."""

    def stop(self) -> None:
        """End it and all it left behind; harmless when it does not run."""


@dataclass(frozen=True)
class Step:
    """A preparation (migrate, seed) that ends by itself. It is left out when `version` is that of
    its last run: starting Python to find nothing to do costs more than a second."""

    argv: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Plan:
    """Command lines, in the order they start. `shop` has web, worker and scheduler."""

    sandbox: tuple[str, ...]
    prepare: Step
    shop: Mapping[str, tuple[str, ...]]


PlanMaker = Callable[[Path, Ports, Secrets], Plan]


class Command:
    """A program of ours as a service."""

    def __init__(self, argv: tuple[str, ...], *, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._argv = argv
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self.is_running() else None

    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start it. What a dead predecessor left in its process group is killed first: a web
        server's workers live on without their parent and hold its port."""
        self.stop()
        self._process = start_process(self._argv, log=self.log, cwd=ROOT, env=self._env)

    def ask_to_stop(self) -> None:
        """Send the first signal and come back at once."""
        if self._process is not None and self.is_running():
            self._process.terminate()

    def stop(self) -> None:
        """End it, at the latest by SIGKILL."""
        if self._process is not None:
            stop_process(self._process, FAREWELL)
            self._process = None


def shop_plan(folder: Path, ports: Ports, kept: Secrets) -> Plan:
    """The real shop."""
    python = (sys.executable, "-m")
    return Plan(
        sandbox=(
            *(*python, "storefront.sandbox.serve", "--data-dir", str(folder / "sandbox")),
            *("--port", str(ports.sandbox), "--smtp-port", str(ports.smtp)),
            *("--s3-port", str(ports.s3), "--webhook-url", f"{ports.url}{STRIPE_WEBHOOK_PATH}"),
            *("--webhook-secret", kept.stripe_webhook_secret),
        ),
        prepare=Step(
            (
                *python,
                "storefront.sandbox.demo_prepare",
                "--write-summary",
                str(summary_path(folder)),
            ),
            version=_fingerprint(ROOT / "migrations", ROOT / "storefront" / "sandbox" / "seed"),
        ),
        shop={
            "web": (
                *(*python, "storefront.sandbox.demo_web", *WEB_OPTIONS),
                *("--host", LOOPBACK, "--port", str(ports.web), "wsgi:app"),
            ),
            "worker": (*python, "jobs.worker"),
            "scheduler": (*python, "jobs.schedule"),
        },
    )


def summary_path(folder: Path) -> Path:
    """Where the seed writes who can sign in and which licences there are."""
    return folder / "summary.json"


def _fingerprint(*sources: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for source in sources for path in source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
