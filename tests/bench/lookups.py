"""The database's own rate for the look-up of the floor: four processes that ask for nothing but
that, prepared, over plain libpq, in a loop. `python -m tests.bench.lookups SECONDS HASH...` is one
of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import cycle

import psycopg

from tests.bench.floor import STATUS

PROCESSES = 4


def database_rate(url: str, hashes: Sequence[str], *, seconds: float) -> float:
    """Look-ups a second of all of them together."""
    argv = [sys.executable, "-m", "tests.bench.lookups", url, f"{seconds:g}", *hashes[:500]]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    return sum(float(one.communicate()[0]) for one in running)


def main() -> None:
    """Print the rate of this process."""
    url, seconds, *hashes = sys.argv[1:]
    with psycopg.connect(url, autocommit=True) as connection:
        line = connection.pgconn
        line.prepare(b"floor", STATUS.replace("%s", "$1").encode())
        asked = cycle([one.encode() for one in hashes])
        # All of them begin at once: starting Python takes longer than anything else here.
        time.sleep(1 - time.time() % 1)
        done, until = 0, time.perf_counter() + float(seconds)
        while time.perf_counter() < until:
            assert line.exec_prepared(b"floor", [next(asked)]).ntuples == 1
            done += 1
    print(done / float(seconds))


if __name__ == "__main__":
    main()
