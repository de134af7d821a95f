"""Making load: wrk where it is installed, else threads of our own (which take more of the CPU
that is being measured, so figures of the two do not compare)."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

CONNECTIONS = 32
CLIENT_THREADS = 8
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Target:
    """One thing to ask for, again and again."""

    name: str
    url: str
    body: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Load:
    """What came of it. `failures` are answers other than 2xx and 3xx, and broken connections."""

    per_second: float
    p99_ms: float
    failures: int


def tool() -> str:
    """What makes the load on this machine."""
    return "wrk" if shutil.which("wrk") else "threads"


def measure(target: Target, *, seconds: float) -> Load:
    """Ask over 32 connections for so long. Raises RuntimeError when wrk cannot be understood."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return _with_threads(target, seconds)
    with TemporaryDirectory() as folder:
        script = Path(folder) / "request.lua"
        script.write_text(_wrk_script(target))
        argv = [wrk, "-t2", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency"]
        done = subprocess.run(
            [*argv, "-s", str(script), target.url], capture_output=True, text=True, check=False
        )
    return _read_wrk(done.stdout)


def _wrk_script(target: Target) -> str:
    if target.body is None:
        return ""
    return (
        'wrk.method = "POST"\n'
        f"wrk.body = [[{json.dumps(target.body)}]]\n"
        'wrk.headers["Content-Type"] = "application/json"\n'
    )


def _read_wrk(output: str) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", output)
    if rate is None or slow is None:
        raise RuntimeError(f"wrk says:\n{output}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", output)
    failures = int(bad[1]) if bad else 0
    failures += sum(map(int, broken.groups())) if broken else 0
    return Load(float(rate[1]), float(slow[1]) * _UNITS[slow[2]], failures)


def _with_threads(target: Target, seconds: float) -> Load:
    times: list[float] = []
    failures: list[int] = []
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_ask, args=(target, until, times, failures))
        for _ in range(CLIENT_THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    return Load(
        len(times) / seconds, times[int(len(times) * 0.99)] * 1000 if times else 0.0, len(failures)
    )


def _ask(target: Target, until: float, times: list[float], failures: list[int]) -> None:
    parts = urlsplit(target.url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    body = None if target.body is None else json.dumps(target.body)
    while time.monotonic() < until:
        began = time.perf_counter()
        try:
            connection.request(
                "GET" if body is None else "POST",
                path,
                body=body,
                headers={"Content-Type": "application/json"} if body else {},
            )
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            failures.append(0)
            connection.close()
            continue
        times.append(time.perf_counter() - began)
        if answer.status >= 400:
            failures.append(answer.status)
