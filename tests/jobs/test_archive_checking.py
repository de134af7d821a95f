"""The process in which strangers' archives are looked into: its limits, and what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from jobs.archive_checking import CheckingBroke, check_apart
from storefront.errors import Invalid
from storefront.paths import ROOT
from tests.support.archives import archive

GOOD = archive()


def stand_in(folder: Path, script: str) -> str:
    """Stands where Python would be: a check with bad luck."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def good_file(tmp_path: Path) -> Path:
    path = tmp_path / "archive.zip"
    path.write_bytes(GOOD)
    return path


def test_the_check_apart_says_the_same(good_file: Path) -> None:
    report = check_apart(good_file)

    assert report.facts.sha256 == sha256(GOOD).hexdigest()
    assert (report.facts.size_bytes, report.facts.entries) == (len(GOOD), 2)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("kill -XCPU $$", "archive_too_slow"),
        ("kill -SEGV $$", "archive_broken"),
        ("printf archive_bomb; exit 3", "archive_bomb"),
    ],
)
def test_a_check_that_is_hurt_refuses_the_archive(
    good_file: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: str
) -> None:
    monkeypatch.setattr(sys, "executable", stand_in(good_file.parent, script))

    with pytest.raises(Invalid) as refused:
        check_apart(good_file)

    assert refused.value.code == code


def test_a_check_killed_from_outside_is_worth_another_attempt(
    good_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = stand_in(good_file.parent, "kill -KILL $$")
    monkeypatch.setattr(sys, "executable", program)

    with pytest.raises(CheckingBroke):
        check_apart(good_file)


def test_the_check_sees_none_of_the_shops_secrets(
    good_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "do-not-tell")
    program = stand_in(good_file.parent, "env >&2; exit 1")
    monkeypatch.setattr(sys, "executable", program)

    with pytest.raises(CheckingBroke) as broke:
        check_apart(good_file)

    assert "TMPDIR" in str(broke.value)
    assert "do-not-tell" not in str(broke.value)


def test_its_limits_are_real(good_file: Path) -> None:
    """Asked of a child that began as the check does, and then wants more than it may."""
    greedy = (
        "import sys, jobs.archive_checking as check\n"
        "def hurt(body): return bytearray(2 << 30)\n"
        "check.inspect_contents = hurt\n"
        "check.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", greedy, str(good_file)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (3, b"archive_bomb")
