"""Folders for demos, and a look at what a demo left behind."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from storefront.sandbox.demo_settings import MARK
from storefront.sandbox.demo_stack import DemoStack
from storefront.sandbox.services.process import processes_in, processes_with

STANDIN = (sys.executable, "-m", "tests.demo.standin")

Demos = Callable[..., DemoStack]


@pytest.fixture
def new_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders that every user may walk into, unlike pytest's own: as root the database
    would have to live elsewhere otherwise."""
    folders: list[Path] = []

    def make() -> Path:
        folder = Path(mkdtemp(prefix="storefront-test-demo-"))
        folder.chmod(0o711)
        folders.append(folder)
        return folder

    yield make
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def standin_demo(new_folder: Callable[[], Path]) -> Iterator[Demos]:
    """Makes demos of the stand-in shop, and ends them with the test."""
    stacks: list[DemoStack] = []

    def make(folder: Path | None = None, *, port: int = 0, **env: str) -> DemoStack:
        stack = DemoStack(folder or new_folder(), port=port, command=STANDIN, env=env)
        stacks.append(stack)
        return stack

    yield make
    for stack in stacks:
        stack.destroy()


def left_behind(folder: Path) -> list[int]:
    """Processes of the demo in this folder that still live."""
    marked = processes_with(MARK, str(folder.resolve()))
    servers = processes_in(folder / "postgres" / "cluster" / "data")
    servers += processes_in(folder / "valkey" / "data")
    return [record.pid for record in (*marked, *servers)]
