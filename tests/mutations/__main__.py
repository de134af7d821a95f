"""Seed bugs about money, one at a time, and see whether the tests find them:
`python -m tests.mutations [--only WORD] [--list]`.

Each is a small change of text in a copy of the tree, and the narrow selection of tests that must
fail then; without any change they must pass. Exits 1 when one was not found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutations.money import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parent.parent.parent
# What is installed or made is not copied but pointed to.
SHARED = (".venv", "node_modules", "static/vendor", "build")
PASSED, FAILED, HUNG = 0, 1, 124
LONGEST_SECONDS = 600


def main() -> None:
    """Try them all, or those whose name holds a word."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", default="", help="a word of the name")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    options = parser.parse_args()
    wanted = [one for one in MUTATIONS if options.only in one.name]
    if options.list:
        print("\n".join(f"{one.name}: {one.path}" for one in wanted))
        return
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copy = copy_tree(Path(folder) / "tree")
        missed = [one.name for one in wanted if not is_found(copy, one)]
        tests = sorted({test for one in wanted for test in one.tests})
        sound = run_tests(copy, tests, seconds=LONGEST_SECONDS * 4) == PASSED
    print(f"{len(wanted) - len(missed)} of {len(wanted)} seeded bugs were found")
    if not sound:
        print("the same tests fail without any of them")
    sys.exit(bool(missed) or not sound)


def copy_tree(target: Path) -> Path:
    """The tree as it stands, what is not committed too."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    for name in SHARED:
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).symlink_to((ROOT / name).resolve())
    return target


def is_found(copy: Path, mutation: Mutation) -> bool:
    """Seed it, run its tests, take it out again. Raises ValueError for one that does not fit the
    code any more."""
    path = copy / mutation.path
    sound = path.read_text()
    if sound.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: stands {sound.count(mutation.old)} times in {path}")
    path.write_text(sound.replace(mutation.old, mutation.new))
    began = time.monotonic()
    try:
        outcome = run_tests(copy, mutation.tests)
    finally:
        path.write_text(sound)
    word = {PASSED: "MISSED", FAILED: "found"}.get(outcome, f"BROKEN ({outcome})")
    print(f"{word:7} {time.monotonic() - began:4.0f} s  {mutation.name}", flush=True)
    return outcome == FAILED


def run_tests(copy: Path, tests: Sequence[str], *, seconds: int = LONGEST_SECONDS) -> int:
    """The exit code of pytest, which stops at the first failure; HUNG when it never does."""
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", *tests)
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(copy),
        "HISTORIES_UNSHRUNK": "1",
    }
    try:
        return subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            timeout=seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return HUNG


if __name__ == "__main__":
    main()
