"""Processes: start one that dies with us, recognise one from an earlier run, end one for sure."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
PROC = Path("/proc")

# (signal, seconds to wait for its effect), gentlest first.
Farewell = Sequence[tuple[signal.Signals, float]]
POLITE: Farewell = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0))


class ServiceError(Exception):
    """A server did not start, or stopped. The message ends with the tail of its log."""


class InterruptedStartError(Exception):
    """Somebody asked to stop while a start was still going on."""


@dataclass(frozen=True)
class SystemUser:
    """Whom a server runs as when we are root ourselves."""

    uid: int
    gid: int


@dataclass(frozen=True)
class ProcessRecord:
    """A process of an earlier run. The start mark guards against a pid that was given out anew."""

    pid: int
    started: str


def never() -> bool:
    """The answer of somebody who does not interrupt."""
    return False


def start_process(
    argv: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    user: SystemUser | None = None,
    death_signal: signal.Signals | None = signal.SIGTERM,
    stdin: bytes = b"",
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, both outputs appended to `log`; `stdin` is all it
    can read (keep it below the 4 KB that every pipe takes at once).

    On Linux it gets `death_signal` when the calling *thread* ends, so call it from a thread that
    lives as long as the program shall.
    """
    uid, gid = (user.uid, user.gid) if user else (-1, -1)
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
    launcher += [str(int(death_signal or 0)), str(uid), str(gid)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
            [*launcher, *argv],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            start_new_session=True,
        )
    if process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin)
            process.stdin.close()
    return process


def run_to_end(
    process: subprocess.Popen[bytes],
    *,
    seconds: float,
    interrupted: Callable[[], bool] = never,
) -> bool:
    """Wait for a program that ends by itself; whether it ended well and in time.

    Raises InterruptedStartError, and ends the program, as soon as `interrupted` says so.
    """
    try:
        ended = wait_until(
            lambda: process.poll() is not None, seconds=seconds, interrupted=interrupted
        )
    finally:
        stop_process(process, ((signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0)))
    return ended and process.returncode == 0


def wait_until(
    ready: Callable[[], bool],
    *,
    seconds: float,
    interrupted: Callable[[], bool] = never,
    pause: float = 0.02,
) -> bool:
    """Poll until `ready` says so; False when the time is up.

    Raises InterruptedStartError as soon as `interrupted` says so.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if interrupted():
            raise InterruptedStartError
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def stop_process(process: subprocess.Popen[bytes], farewell: Farewell = POLITE) -> None:
    """End a child of ours and whatever it left in its process group."""
    for number, seconds in farewell:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
    kill_group(process.pid)


def stop_record(record: ProcessRecord, farewell: Farewell = POLITE) -> bool:
    """End a process of an earlier run, unless it is gone or the pid is somebody else's by now.
    Whether it is gone at the end."""
    return stop_records([record], farewell)


def stop_records(records: Sequence[ProcessRecord], farewell: Farewell = POLITE) -> bool:
    """The same for several at once, so that they share the waiting."""

    def all_gone() -> bool:
        return not any(is_same_process(record) for record in records)

    for number, seconds in farewell:
        for record in filter(is_same_process, records):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(record.pid, number)
        if wait_until(all_gone, seconds=seconds):
            break
    return all_gone()


def kill_group(leader: int) -> None:
    """SIGKILL to what is left of a process group: workers whose parent was killed live on."""
    if leader > 1 and leader != os.getpgrp():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def record_of(pid: int) -> ProcessRecord | None:
    """How to recognise this process later; None when it is gone (a zombie counts as gone)."""
    started = _start_mark(pid)
    return ProcessRecord(pid, started) if started else None


def is_same_process(record: ProcessRecord) -> bool:
    """Whether the recorded process still lives."""
    return _start_mark(record.pid) == record.started


def processes_in(folder: Path) -> list[ProcessRecord]:
    """Live processes whose working directory is `folder` (Linux; elsewhere none are seen)."""
    try:
        wanted = folder.stat()
    except OSError:
        return []

    def works_there(process: Path) -> bool:
        return os.path.samestat((process / "cwd").stat(), wanted)

    return list(_matching(works_there))


def processes_with(variable: str, value: str) -> list[ProcessRecord]:
    """Live processes started with this environment variable (Linux; elsewhere none are seen)."""
    wanted = f"{variable}={value}".encode()

    def carries_it(process: Path) -> bool:
        return wanted in (process / "environ").read_bytes().split(b"\0")

    return list(_matching(carries_it))


def wheel_folder(package: str) -> Path:
    """Where an installed package lies, without running any of its code.

    Raises ServiceError when it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServiceError(f"{package} is not installed: set up the environment again")
    return Path(spec.origin).parent


def tail(log: Path, *, lines: int = 25) -> str:
    """The last lines of a log file, long ones without their middle, or a word in their place."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "(no log)"
    last = text.rstrip().splitlines()[-lines:]
    short = [line if len(line) < 800 else f"{line[:300]} ... {line[-450:]}" for line in last]
    return "\n".join(short) or "(the log is empty)"


def _matching(condition: Callable[[Path], bool]) -> Iterable[ProcessRecord]:
    if sys.platform != "linux":
        return
    for process in PROC.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            found = condition(process)
        except OSError:  # ended meanwhile, or not ours to look at
            continue
        record = record_of(int(process.name)) if found else None
        if record:
            yield record


def _start_mark(pid: int) -> str | None:
    if sys.platform == "linux":
        try:
            stat = (PROC / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            return None
        # The name in parentheses may hold anything; fields are counted from behind it.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(  # noqa: S603 - our own argument list, no shell
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607 - where ps lives differs
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, started = shown.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()
