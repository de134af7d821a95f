"""Small work done again and again beside the answers of a web process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

LOOK_SECONDS: Final = 0.2

log = structlog.get_logger()


class Ticker:
    """Runs `work` every so many seconds on a thread of its own, and once more when the process
    ends in order. Whatever the work raises is logged, and it is run again."""

    def __init__(self, name: str, work: Callable[[], object], *, every_seconds: float) -> None:
        self._name = name
        self._work = work
        self._every = every_seconds
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where it has not begun. Cheap enough for every request: web servers fork, so
        nobody knows before which process will have work."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                # No daemon: Python waits for it at the end of every process, while `atexit` is
                # silent in those that `multiprocessing` made, as the web server's workers are.
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=False)
                self._thread.start()

    def close(self) -> None:
        """Do no more. Idempotent; what is left to do is the caller's."""
        self._stop.set()

    def _run(self) -> None:
        main, due = threading.main_thread(), time.monotonic() + self._every
        while not self._stop.wait(min(LOOK_SECONDS, self._every)):
            is_ending = not main.is_alive()
            if is_ending or time.monotonic() >= due:
                self._work_whatever_happens()
                due = time.monotonic() + self._every
            if is_ending:
                return

    def _work_whatever_happens(self) -> None:
        try:
            self._work()
        except Exception:
            # The thread must live: it is started once in a process's life.
            log.exception("tick_failed", ticker=self._name)
