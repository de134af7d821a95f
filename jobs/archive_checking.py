"""Looking into strangers' archives apart: `python -m jobs.archive_checking <archive>`.

An archive made to hurt may eat time or memory. It does that in a process of its own with hard
limits and without the shop's secrets; the worker lives on and knows why.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from storefront.catalog.archive_contents import ArchiveReport, inspect_contents
from storefront.catalog.archive_findings import as_json, from_json
from storefront.catalog.archives import MOST_UNPACKED_BYTES, ArchiveFacts
from storefront.errors import Invalid
from storefront.paths import ROOT

# Unpacking two gigabytes takes about 15 s of CPU and 150 MB with Python itself.
MOST_MEMORY: Final = 512 * 1024 * 1024
MOST_CPU_SECONDS: Final = 90
PATIENCE_SECONDS: Final = 300

_REFUSED: Final = 3
_CRASHES: Final = frozenset(
    -one for one in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL)
)


class CheckingBroke(RuntimeError):
    """The process ended for a reason that is not the archive's: worth another attempt."""


def check_apart(archive: Path) -> ArchiveReport:
    """`inspect_contents` in a process of its own.

    Raises Invalid like it, `archive_too_slow` where the time was used up and `archive_broken` where
    a library crashed; CheckingBroke, OSError or TimeoutExpired when it is worth trying again.
    """
    done = subprocess.run(  # noqa: S603 - our own program with a file we made
        [sys.executable, "-m", "jobs.archive_checking", str(archive)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd=ROOT,
        # What it spools goes where the archive lies, and goes with it.
        env={"PATH": os.environ.get("PATH", ""), "TMPDIR": str(archive.parent)},
        timeout=PATIENCE_SECONDS,
    )
    if done.returncode == _REFUSED:
        raise Invalid(done.stdout.decode().strip(), "refused by the check")
    if done.returncode == -signal.SIGXCPU:
        raise Invalid("archive_too_slow", f"more than {MOST_CPU_SECONDS} s")
    if done.returncode in _CRASHES:
        raise Invalid("archive_broken", f"the check ended with {done.returncode}")
    if done.returncode != 0:
        raise CheckingBroke(done.stderr.decode(errors="replace")[-500:])
    return _read_report(json.loads(done.stdout))


def main() -> None:
    """In the child: judge the archive, say what it is in JSON or the code of the refusal."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_UNPACKED_BYTES, MOST_UNPACKED_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with Path(sys.argv[1]).open("rb") as body:
            report = inspect_contents(body)
    except Invalid as refusal:
        code = refusal.code
    except MemoryError:
        code = "archive_bomb"
    else:
        json.dump(_written(report), sys.stdout)
        return
    sys.stdout.write(code)
    sys.exit(_REFUSED)


def _written(report: ArchiveReport) -> dict[str, Any]:
    facts = report.facts
    return {
        "size_bytes": facts.size_bytes,
        "sha256": facts.sha256,
        "entries": facts.entries,
        "findings": as_json(report.findings),
        "left_out": report.left_out,
    }


def _read_report(written: dict[str, Any]) -> ArchiveReport:
    facts = ArchiveFacts(written["size_bytes"], written["sha256"], written["entries"])
    return ArchiveReport(facts, from_json(written["findings"]), written["left_out"])


if __name__ == "__main__":
    main()
