"""Browser journeys on the real stack: web, worker, scheduler, PostgreSQL, Valkey and the sandbox,
started by the command a person would type."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from storefront.bootstrap import Shop, boot
from storefront.config import Settings
from storefront.sandbox.demo_stack import DemoStack
from tests.journeys.visitor import KeptSignIns, Visit

# The shell has no windows to draw: opening a page takes it half the work.
BROWSERS = (
    "chromium-headless-shell",
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStack]:
    """A demo of the journeys' own."""
    demo = DemoStack(tmp_path_factory.mktemp("journeys")).start(timeout=180)
    yield demo
    demo.destroy()


@pytest.fixture(scope="session")
def backstage(stack: DemoStack) -> Iterator[Shop]:
    """The shop behind the stack, for what a journey needs and no page is asked about."""
    shop = boot(Settings.from_env(stack.environment), pool_size=2)
    yield shop
    shop.database.engine.dispose()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium: the one Playwright would download is not asked for."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        message = "no browser: install Chromium (make browser says how)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return {
        **browser_type_launch_args,
        "executable_path": found,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


@pytest.fixture(scope="session")
def kept_sign_ins(stack: DemoStack) -> KeptSignIns:
    """Who has signed in at this stack."""
    return {}


@pytest.fixture
def visit(
    stack: DemoStack,
    backstage: Shop,
    browser: Browser,
    kept_sign_ins: KeptSignIns,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Visit]]:
    """visit(locale="th", javascript=True, width=1280): a fresh browser at the shop's door, of a
    reader who asked for no motion, because drawing it takes a third of the time. When the test is
    over, nothing may have been refused by the content security policy and no script may have
    failed."""
    visits: list[Visit] = []

    def begin(*, locale: str = "th", javascript: bool = True, width: int = 1280) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            java_script_enabled=javascript,
            accept_downloads=True,
            reduced_motion="reduce",
            locale="th-TH" if locale == "th" else "en-US",
        )
        context.set_default_timeout(15_000)
        page: Page = context.new_page()
        visits.append(Visit(page, stack, backstage, locale=locale))
        visits[-1].kept = kept_sign_ins
        visits[-1].is_thorough = request.config.getoption("--long")
        return visits[-1]

    yield begin
    for one in visits:
        one.page.context.close()
    problems = [problem for one in visits for problem in one.problems]
    assert not problems, problems
