"""The till, end to end: wallet, code and card together, a late QR, refunds both ways, a dispute."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.journeys.test_sale import reveal_newest_key
from tests.journeys.visitor import Visit

Begin = Callable[..., Visit]
ORDER = re.compile(r"/orders/([0-9a-f-]{36})")
_numbers = itertools.count(1)


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])
def test_money_goes_in_out_and_back_and_every_ledger_page_adds_up(
    visit: Begin, javascript: bool
) -> None:
    buyer = visit(locale="en", javascript=javascript, width=390)
    name = new_person(buyer)
    buyer.sign_in(name)

    # Top up 500 by PromptPay: 50 more as bonus.
    buyer.go("/account/wallet")
    buyer.page.locator(".radio-card:has-text('get ฿550')").click()
    buyer.page.locator("label.radio-card:has(input[name=pay_by][value=promptpay])").click()
    buyer.press("form[action$='/account/wallet/topups'] button[type=submit]")
    scan(buyer, "pay")
    topup_id = buyer.page.url.rstrip("/").split("/")[-1].partition("?")[0]
    buyer.reload_until("฿500")
    assert spendable(buyer) == 55_000

    # Two scripts with a code, the wallet first and the card for the rest.
    for slug in ("qr-banking", "qr-garage"):
        buyer.add_to_cart(slug)
    buyer.go("/cart")
    buyer.page.locator("summary:has-text('code')").first.click()
    buyer.page.locator("#promo-code").fill("WELCOME10")
    buyer.press("form.promo__form button[type=submit]")
    expect(buyer.page.locator(".promo__off")).to_be_visible()
    buyer.go("/checkout")
    buyer.page.locator("label[for=field-wallet_part]").click()
    buyer.page.locator("label:has(#method-stripe)").click()
    expect(buyer.page.locator("#checkout button[type=submit]").last).to_contain_text(
        "+ ฿550 from the wallet"
    )
    buyer.page.locator("#checkout button[type=submit]").last.click()
    buyer.page.locator("#pay").click()
    order_id = order_in(buyer.page)
    buyer.reload_until("Your order is complete")
    assert spendable(buyer) == 0

    # A QR that ran out, whose order was given up, and that is paid all the same: wallet credit.
    buyer.add_to_cart("qr-notify")
    buyer.place("promptpay")
    late_id = order_in(buyer.page)
    code = buyer.page.locator("a[href*='/stripe/promptpay/']").first.get_attribute("href") or ""
    intent = code.rstrip("/").split("/")[-1]
    buyer.press("form[action$='/cancellation'] button")
    expect(buyer.page.locator("main")).to_contain_text("This order is cancelled")
    control(buyer, f"payment_intents/{intent}/pay_late")
    buyer.go("/account/wallet")
    buyer.reload_until("Balance")
    late = wait_for_money(buyer)
    assert late > 0

    # Staff give one line back into the wallet and the rest to the card.
    staff = visit(locale="en", javascript=javascript)
    staff.sign_in("mali")
    first, rest = refund_two_ways(staff, order_id)
    assert spendable(buyer) == late + first
    buyer.go(f"/account/orders/{order_id}")
    expect(buyer.page.locator("#refunds")).to_contain_text("into your wallet")
    expect(buyer.page.locator("#refunds")).to_contain_text("to your card")
    assert rest > 0

    for subject in (topup_id, order_id, late_id):
        staff.go(f"/admin/ledger?subject={subject}")
        assert_it_adds_up(staff)


def test_a_dispute_suspends_the_key_and_a_won_one_brings_it_back(visit: Begin) -> None:
    buyer = visit(locale="en")
    name = new_person(buyer)
    buyer.sign_in(name)
    buyer.add_to_cart("qr-weather")
    buyer.place("stripe")
    buyer.page.locator("#pay").click()
    order_id = order_in(buyer.page)
    buyer.reload_until("Your order is complete")
    key = reveal_newest_key(buyer, "qr-weather")
    assert buyer.verify(key)["code"] == "VALID"

    staff = visit(locale="en", width=390)
    staff.sign_in("mali")
    intent = intent_of(staff, order_id)
    dispute = control(buyer, f"payment_intents/{intent}/dispute")
    wait_until(lambda: buyer.verify(key)["code"] == "SUSPENDED")

    staff.go("/admin/disputes")
    staff.press("main th a")
    expect(staff.page.locator("main")).to_contain_text("1 licence is suspended")

    control(buyer, f"disputes/{dispute['id']}/won")
    wait_until(lambda: buyer.verify(key)["code"] == "VALID")
    staff.go(f"/admin/ledger?subject={order_id}")
    assert_it_adds_up(staff)


def test_staff_are_told_what_a_refund_will_do_in_thai_too(visit: Begin) -> None:
    buyer = visit(locale="th")
    name = new_person(buyer)
    buyer.sign_in(name)
    buyer.add_to_cart("qr-weather")
    buyer.place("stripe")
    buyer.page.locator("#pay").click()
    order_id = order_in(buyer.page)
    expect(buyer.page.locator(".result--success")).to_be_visible()

    staff = visit(locale="th", javascript=False, width=390)
    staff.sign_in("mali")
    staff.go(f"/admin/orders/{order_id}/refunds/new")
    staff.page.locator("#field-reason").fill("ลองแล้วไม่ตรงกับเซิร์ฟเวอร์")
    staff.press("form[action$='/refunds'] button.button--primary")
    expect(staff.page.locator("#confirm")).to_contain_text("฿")
    assert re.search(r"[\u0e00-\u0e7f]", staff.page.locator("#confirm").inner_text())
    staff.press("#confirm button")
    expect(staff.page.locator("#refunds")).to_contain_text("ลองแล้วไม่ตรงกับเซิร์ฟเวอร์")


def new_person(visitor: Visit) -> str:
    """Somebody new at the sandbox's Discord, so that no other journey touches the wallet."""
    number = next(_numbers)
    name = f"till{number}"
    requests.post(
        f"{visitor.stack.sandbox_url}/control/discord/users",
        json={
            "id": str(200_000_000_000_000_000 + number),
            "username": name,
            "email": f"{name}@example.com",
        },
        timeout=10,
    ).raise_for_status()
    return name


def control(visitor: Visit, path: str) -> Any:
    """Let the bank or the gateway do something."""
    answer = requests.post(f"{visitor.stack.sandbox_url}/control/stripe/{path}", timeout=10)
    answer.raise_for_status()
    return answer.json()


def scan(visitor: Visit, button: str) -> str:
    """Follow the code's link to the bank's page and press a button there; the payment's id."""
    link = visitor.page.locator("a[href*='/stripe/promptpay/']").first
    address = link.get_attribute("href") or ""
    link.click()
    visitor.page.locator(f"#{button}").click()
    return address.rstrip("/").split("/")[-1]


def order_in(page: Page) -> str:
    """The order whose page this is."""
    expect(page).to_have_url(ORDER)
    found = ORDER.search(page.url)
    assert found
    return found[1]


def spendable(visitor: Visit) -> int:
    """Satang in the wallet, read from the wallet page."""
    visitor.go("/account/wallet")
    text = visitor.page.locator(".stat-grid").first.inner_text()
    found = re.search(r"฿([\d,]+)(?:\.(\d\d))?", text)
    assert found, text
    return int(found[1].replace(",", "")) * 100 + int(found[2] or 0)


def wait_for_money(visitor: Visit) -> int:
    """What the wallet holds once something came."""
    wait_until(lambda: spendable(visitor) > 0)
    return spendable(visitor)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Ask again for up to half a minute."""
    for _ in range(150):
        if is_so():
            return
        time.sleep(0.2)
    pytest.fail("it never became so")


def refund_two_ways(staff: Visit, order_id: str) -> tuple[int, int]:
    """The first line into the wallet, then all that is left to the card; both in satang."""
    staff.go(f"/admin/orders/{order_id}/refunds/new")
    fields = staff.page.locator("input.input--amount")
    amounts = [satang(fields.nth(place).input_value()) for place in range(fields.count())]
    for place in range(1, fields.count()):
        fields.nth(place).fill("")
    staff.page.locator("label:has(#to-wallet)").click()
    agree(staff, "one line into the wallet")
    staff.go(f"/admin/orders/{order_id}/refunds/new")
    agree(staff, "the rest to the card")
    return amounts[0], sum(amounts[1:])


def assert_it_adds_up(staff: Visit) -> None:
    """Each posting on the ledger's page, and all of them together, sum to zero."""
    sums = staff.page.locator("main tfoot tr")
    assert sums.count() >= 2
    for place in range(sums.count()):
        expect(sums.nth(place)).to_contain_text("฿0")
    expect(staff.page.locator("main tfoot .badge--danger")).to_have_count(0)


def agree(staff: Visit, reason: str) -> None:
    staff.page.locator("#field-reason").fill(reason)
    staff.press("form[action$='/refunds'] button.button--primary")
    staff.press("#confirm button")
    expect(staff.page.locator("#refunds")).to_contain_text(reason)


def satang(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * 100 + int((rest or "0").ljust(2, "0"))


def intent_of(staff: Visit, order_id: str) -> str:
    """The gateway's id of the payment of this order, as the staff's page shows it."""
    staff.go(f"/admin/orders/{order_id}")
    found = re.search(r"\bpi_\w+", staff.page.locator("main").inner_text())
    assert found
    return found.group()
