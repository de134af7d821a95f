"""One demo for all fault tests, whatever they kill: its supervisor starts it again."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

from storefront.bootstrap import Shop, boot
from storefront.config import Settings
from storefront.sandbox.demo_stack import DemoStack
from tests.faults.accounts import check_money
from tests.faults.buyer import Buyer
from tests.faults.patience import SETTLED_SECONDS, WELL_SECONDS
from tests.faults.town import Town
from tests.support.invariants import check_invariants

SHORT_ROUNDS, LONG_ROUNDS = 2, 50
SEED = int(os.environ.get("FAULTS_SEED") or time.time())
_counts: Counter[str] = Counter()


@dataclass(frozen=True)
class Dice:
    """How often, and when. The seed repeats the moments: FAULTS_SEED=... make faults."""

    rounds: int
    random: random.Random


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A long run takes its time."""
    for item in items:
        if "faults" in item.path.parts and item.config.getoption("--long"):
            item.add_marker(pytest.mark.timeout(3600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was killed and what was bought, for the record of a long run."""
    if _counts:
        shown = ", ".join(f"{number} {name}" for name, number in sorted(_counts.items()))
        terminalreporter.write_line(f"faults: seed {SEED}; {shown}")


@pytest.fixture(scope="session")
def stack() -> Iterator[DemoStack]:
    """A demo of the fault tests' own, in a folder every user may walk into."""
    folder = Path(mkdtemp(prefix="storefront-test-faults-"))
    folder.chmod(0o711)
    demo = DemoStack(folder)
    try:
        yield demo.start(timeout=180)
    finally:
        demo.destroy()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shop(stack: DemoStack) -> Iterator[Shop]:
    """The demo's shop seen from this process: to look into its database and fill wallets."""
    shop = boot(Settings.from_env(stack.environment), pool_size=4)
    yield shop
    shop.database.engine.dispose()


@pytest.fixture(scope="session")
def signed_in(stack: DemoStack) -> Buyer:
    """The demo's customer, who stays signed in through all that happens."""
    buyer = Buyer(stack.url, stack.sandbox_url)
    buyer.sign_in("100000000000000002")
    return buyer


@pytest.fixture
def town(stack: DemoStack, shop: Shop, signed_in: Buyer) -> Iterator[Town]:
    """Everything together. Before and after, all is well; afterwards the books must be, too."""
    town = Town(stack, shop, signed_in, counts=_counts)
    town.wait("the shop is well before anything is killed", town.is_well, seconds=WELL_SECONDS)
    yield town
    town.make_peace()
    town.wait("the shop is well again by itself", town.is_well, seconds=WELL_SECONDS)
    town.wait_idle(seconds=SETTLED_SECONDS)
    check_invariants(shop.database)
    check_money(town)


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> Dice:
    """A few rounds, or many with --long, or as many as FAULTS_ROUNDS says."""
    rounds = LONG_ROUNDS if request.config.getoption("--long") else SHORT_ROUNDS
    rounds = int(os.environ.get("FAULTS_ROUNDS") or rounds)
    return Dice(rounds, random.Random(f"{SEED} {request.node.name}"))
