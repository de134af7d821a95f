from __future__ import annotations

import subprocess
import sys
import threading

from storefront.kit.ticker import Ticker

PROCESS = """
from storefront.kit.ticker import Ticker
done = []
def work():
    done.append(1)
    print("worked", flush=True)
Ticker("t", work, every_seconds=60).start()
"""


def test_what_fails_is_done_again() -> None:
    done = threading.Semaphore(0)

    def work() -> None:
        done.release()
        raise ValueError("no")

    ticker = Ticker("test", work, every_seconds=0.01)
    ticker.start()
    ticker.start()
    for _ in range(3):
        assert done.acquire(timeout=10)
    ticker.close()
    ticker.close()


def test_it_is_done_once_more_when_the_process_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stdout == "worked\n"


def test_nothing_runs_before_it_is_started() -> None:
    Ticker("never started", lambda: None, every_seconds=0.01)
    assert "never started" not in {thread.name for thread in threading.enumerate()}
