"""A buyer with a browser that has no JavaScript, over real HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast
from urllib.parse import urljoin

import requests
from werkzeug.test import TestResponse

from tests.faults.patience import WELL_SECONDS
from tests.support.browser import Form, forms_of

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class RenderedForm:
    """A form as it was rendered once: sending it twice must have one effect."""

    action: str
    fields: dict[str, str]

    @property
    def key(self) -> str:
        return self.fields["idempotency_key"]

    @property
    def total_satang(self) -> int:
        return int(self.fields["expected_total"])


class Buyer:
    """Signed in once, then buys again and again."""

    def __init__(self, shop_url: str, sandbox_url: str) -> None:
        self._url = shop_url
        self._sandbox_url = sandbox_url
        self._browser = requests.Session()

    def sign_in(self, discord_id: str) -> None:
        """By way of the sandbox's Discord."""
        begin = self._form(self._get("/en/sign-in"), "/sign-in/discord")
        chooser = self._browser.post(
            urljoin(self._url, begin.action), data=begin.fields, timeout=TIMEOUT_SECONDS
        )
        chooser.raise_for_status()
        back = self._browser.post(
            chooser.url, data={"user_id": discord_id}, timeout=TIMEOUT_SECONDS
        )
        back.raise_for_status()
        assert self._get("/en/account").url.endswith("/account"), "signed in"

    def fill_cart(self, slug: str) -> RenderedForm:
        """Put one unit into the cart and open the checkout."""
        page = self._get(f"/en/products/{slug}")
        line = self._form(page, "/cart/lines")
        self._browser.post(
            urljoin(self._url, line.action), data=line.fields, timeout=TIMEOUT_SECONDS
        ).raise_for_status()
        return self._rendered("/en/checkout", "/checkout")

    def open_wallet(self) -> RenderedForm:
        """The top-up form."""
        return self._rendered("/en/account/wallet", "/account/wallet/topups")

    def open_order(self, order_id: object, does: str) -> RenderedForm:
        """A form of the page of an open order: "cancellation" or "payments"."""
        return self._rendered(f"/en/checkout/orders/{order_id}", f"/{order_id}/{does}")

    def send(self, form: RenderedForm, **filled: str) -> requests.Response:
        """Send a form once; whatever comes back, redirects are not followed."""
        return self._browser.post(
            urljoin(self._url, form.action),
            data={**form.fields, **filled},
            allow_redirects=False,
            timeout=TIMEOUT_SECONDS,
        )

    def insist(self, form: RenderedForm, *, seconds: float = WELL_SECONDS, **filled: str) -> str:
        """Send the same form again until it is accepted, as a patient person would; where it leads
        to. Raises AssertionError when the shop does not come back."""
        deadline = time.monotonic() + seconds
        while True:
            seen = "no answer"
            try:
                answer = self.send(form, **filled)
                if answer.status_code == 303:
                    return answer.headers["Location"]
                seen = f"{answer.status_code} {answer.text[:300]}"
                assert answer.status_code in (429, 502, 503), seen
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, seen
            time.sleep(0.2)

    def _get(self, path: str) -> requests.Response:
        answer = self._browser.get(urljoin(self._url, path), timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer

    def _rendered(self, path: str, action: str) -> RenderedForm:
        form = self._form(self._get(path), action)
        return RenderedForm(form.action, form.fields)

    def _form(self, page: requests.Response, action: str) -> Form:
        forms = forms_of(cast("TestResponse", page))
        found = [form for form in forms if form.action.endswith(action)]
        assert found, f"no form leads to {action} on {page.url}: {[f.action for f in forms]}"
        return found[0]
