"""The seed of the long histories, and what came up in them."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

SEED = int(os.environ.get("HISTORIES_SEED") or time.time())
met: Counter[str] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two thousand histories take their time."""
    for item in items:
        if "money" in item.path.parts and item.config.getoption("--long"):
            item.add_marker(pytest.mark.timeout(7200))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """For the record of a long run: HISTORIES_SEED=... repeats it."""
    if met and terminalreporter.config.getoption("--long"):
        shown = ", ".join(f"{number} {name}" for name, number in sorted(met.items()))
        terminalreporter.write_line(f"histories: seed {SEED}; {shown}")
