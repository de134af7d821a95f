"""What a visitor does in a browser, in words."""

from __future__ import annotations

import re
import time
from typing import Any

import requests
from playwright.sync_api import ConsoleMessage, Error, Page, expect
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import Money
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.service import Leg, post_entries
from storefront.sandbox.demo_stack import DemoStack

# Statuses of pages that tests ask for on purpose; the browser reports each as an error.
EXPECTED_STATUS = re.compile(r"status of (401|403|404|409|410|422|503)|ERR_INTERNET_DISCONNECTED")
# Keys are shown only to who signed in within half an hour.
LONGEST_KEPT_SECONDS = 20 * 60
# Whose browser signed in when, and the cookies it got for that.
KeptSignIns = dict[str, tuple[float, list[Any]]]


class Visit:
    """One browser in one language. Collects what the console complains about. `kept` is shared by
    all visits of one shop."""

    def __init__(self, page: Page, stack: DemoStack, shop: Shop, *, locale: str) -> None:
        self.page = page
        self.stack = stack
        self.locale = locale
        self.kept: KeptSignIns = {}
        self._shop = shop
        self.problems: list[str] = []
        self.is_thorough = False
        page.on("console", self._note)
        page.on("pageerror", self._note_error)

    def url(self, path: str) -> str:
        """The address of a page in this visitor's language."""
        return self.stack.url + ("/en" if self.locale == "en" else "") + path

    def go(self, path: str) -> Any:
        """Open a page; the response."""
        return self.page.goto(self.url(path))

    def sign_in(self, username: str, *, path: str = "/") -> None:
        """Be this person, with an empty cart, on the page `path`. Only the first browser goes
        through the sandbox's Discord; the others take over what it was given, which is four pages
        less for each."""
        at, cookies = self.kept.get(username, (0.0, []))
        if time.monotonic() - at < LONGEST_KEPT_SECONDS:
            self.page.context.add_cookies(cookies)
        else:
            self._sign_in_at_discord(username, path)
            cookies = list(self.page.context.cookies())
            self.kept[username] = time.monotonic(), cookies
        self.empty_cart()
        self.go(path)

    def _sign_in_at_discord(self, username: str, path: str) -> None:
        prefix = "/en" if self.locale == "en" else ""
        self.go(f"/sign-in?next={prefix}{path}")
        self.press("form[action$='/sign-in/discord'] button[type=submit]")
        self.page.locator(f"#user-{username}").click()
        expect(self.page).to_have_url(self.url(path))

    def add_to_cart(self, slug: str) -> None:
        """From the product's page; the header then counts it."""
        self.go(f"/products/{slug}")
        with self.page.expect_response(re.compile(r"/cart/lines$")):
            self.press("#buy-form button[type=submit]")
        self.page.wait_for_load_state()

    def empty_cart(self) -> None:
        """Take everything out that an earlier visit left."""
        # Mostly there is nothing: a page is opened only where there is.
        if '/removal"' not in self.page.request.get(self.url("/cart")).text():
            return
        self.go("/cart")
        while (remove := self.page.locator("form[action$='/removal'] button:visible")).count():
            with self.page.expect_response(re.compile(r"/removal$")):
                remove.first.click()
            self.go("/cart")

    def place(self, method: str) -> None:
        """On the checkout page: choose and press the one big button."""
        self.go("/checkout")
        self.page.locator(f"label:has(#method-{method}), #method-{method}").first.click()
        self.press("form[action$='/checkout'] button[type=submit]")

    def fill_wallet(self, username: str, amount: Money) -> None:
        """Put money into somebody's wallet, so that no other journey can have spent it."""
        with self._shop.database.transaction() as session:
            user_id = session.scalars(select(User.id).where(User.username == username)).one()
            post_entries(
                session,
                kind=PostingKind.ADJUSTMENT,
                reference=f"journey:{new_id()}",
                legs=[
                    Leg(AccountKind.ADJUSTMENTS, -amount),
                    Leg(AccountKind.WALLET_PAID, amount, user_id),
                ],
            )

    def press(self, selector: str) -> None:
        """Click the first visible one."""
        self.page.locator(f"{selector}:visible").first.click()

    def reload_until(self, text: str, *, seconds: float = 30) -> None:
        """Reload the page until it says so; fails when it never does."""
        deadline = time.monotonic() + seconds
        while text not in self.page.locator("main").inner_text() and time.monotonic() < deadline:
            time.sleep(0.3)
            self.page.reload()
        expect(self.page.locator("main")).to_contain_text(text)

    def mails_to(self, address: str, *, least: int = 1, seconds: float = 30) -> list[Any]:
        """What the inbox holds for an address, once there are `least` mails."""
        deadline = time.monotonic() + seconds
        while True:
            answer = requests.get(
                f"{self.stack.sandbox_url}/inbox.json", params={"to": address}, timeout=10
            )
            mails: list[Any] = answer.json()
            if len(mails) >= least or time.monotonic() > deadline:
                return mails
            time.sleep(0.2)

    def verify(self, key: str, **fields: str) -> dict[str, Any]:
        """What a game server is told about a key."""
        answer = requests.post(
            f"{self.stack.url}/api/licenses/verify",
            json={"license_key": key, **fields},
            timeout=10,
        )
        assert answer.status_code == 200
        return dict(answer.json())

    def _note_error(self, error: Error) -> None:
        # Who leaves a page while it is still coming in stops its transition; nothing is wrong then.
        if "Transition was" not in str(error):
            self.problems.append(f"{self.page.url}: {error}")

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED_STATUS.search(message.text):
            self.problems.append(f"{self.page.url}: {message.text}")
