"""Who runs in a demo's folder, and what has been done there: notes for the next start.

processes.json   {"web": {"pid": 123, "started": "..."}, ...}
done/<step>      the version of a preparation that has succeeded
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from storefront.sandbox.demo_settings import MARK, write_private
from storefront.sandbox.services.process import (
    ProcessRecord,
    processes_with,
    record_of,
    stop_records,
)


def write_processes(folder: Path, pids: Mapping[str, int | None]) -> None:
    """Note who runs now; those without a pid are left out."""
    records = {name: record_of(pid) for name, pid in pids.items() if pid}
    noted = {
        name: {"pid": record.pid, "started": record.started}
        for name, record in records.items()
        if record
    }
    write_private(folder / "processes.json", json.dumps(noted))


def read_processes(folder: Path) -> dict[str, ProcessRecord]:
    """Who ran when it was last written; nobody when there is no (whole) note."""
    try:
        known = json.loads((folder / "processes.json").read_text())
        return {name: ProcessRecord(**record) for name, record in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def forget_processes(folder: Path) -> None:
    """Nobody runs any more."""
    (folder / "processes.json").unlink(missing_ok=True)


def end_leftovers(folder: Path) -> None:
    """End processes of a demo in this folder that lost their supervisor. The databases are not
    among them: their own launchers shut those down properly."""
    records = {record.pid: record for record in processes_with(MARK, str(folder))}
    for name, record in read_processes(folder).items():
        if name not in ("postgres", "valkey"):
            records.setdefault(record.pid, record)
    stop_records(list(records.values()), ((signal.SIGTERM, 3.0), (signal.SIGKILL, 1.0)))


def is_step_done(folder: Path, name: str, version: str) -> bool:
    """Whether this very version of a preparation has been run on this demo's database."""
    try:
        return (folder / "done" / name).read_text() == version
    except OSError:
        return False


def note_step(folder: Path, name: str, version: str) -> None:
    """It has been run."""
    (folder / "done").mkdir(exist_ok=True)
    write_private(folder / "done" / name, version)


def forget_steps(folder: Path) -> None:
    """The database is a new one: everything has to be done again."""
    shutil.rmtree(folder / "done", ignore_errors=True)
