"""Finding a product as a stranger does: half a word, the arrow keys, filters."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import expect

from storefront.sandbox.demo_stack import DemoStack
from tests.journeys.test_till import wait_until
from tests.journeys.visitor import Visit

Begin = Callable[..., Visit]


@pytest.fixture(scope="module", autouse=True)
def indexed(stack: DemoStack) -> None:
    """The worker reads the products for the search right after the start."""

    def finds() -> bool:
        found = requests.get(f"{stack.url}/en/products", params={"q": "garage"}, timeout=10)
        return "QR Garage" in found.text

    wait_until(finds)


def test_three_keys_of_a_thai_word_and_the_arrows_lead_to_the_product(visit: Begin) -> None:
    visitor = visit()
    visitor.go("/")
    field = visitor.page.locator("#header-search")
    options = visitor.page.locator("#header-search-suggestions [role=option]")
    field.press_sequentially("โรง")
    expect(options.first).to_contain_text("QR Garage")
    expect(options.first.locator("mark")).to_have_text("โรง")
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "header-search-suggestions-0")
    expect(field).to_be_focused()
    field.press("Enter")
    expect(visitor.page).to_have_url(re.compile(r"/products/qr-garage$"))


def test_escape_closes_the_suggestions_and_enter_searches(visit: Begin) -> None:
    visitor = visit(locale="en")
    visitor.go("/")
    field = visitor.page.locator("#header-search")
    field.press_sequentially("gar")
    options = visitor.page.locator("#header-search-suggestions [role=option]")
    expect(options.first).to_be_visible()
    field.press("Escape")
    expect(options).to_have_count(0)
    expect(field).to_have_attribute("aria-expanded", "false")
    field.press("Enter")
    expect(visitor.page).to_have_url(re.compile(r"/en/products\?q=gar$"))
    expect(visitor.page.locator("#results")).to_contain_text("QR Garage")


def test_filters_renew_results_numbers_and_address_and_chips_take_them_off(visit: Begin) -> None:
    visitor = visit(locale="en")
    visitor.go("/products?q=โรงรถ")
    page = visitor.page
    everything = page.locator("#n-category-any").inner_text()
    page.locator("label:has(input[name=framework][value=standalone])").click()
    expect(page).to_have_url(re.compile("framework=standalone"))
    expect(page.locator("#results")).to_contain_text("Nothing matches")
    expect(page.locator("#n-category-any")).to_have_text("0")
    page.locator("#results .chip--on").click()
    expect(page.locator("#n-category-any")).to_have_text(everything)


def test_without_javascript_the_filters_are_a_form(visit: Begin) -> None:
    visitor = visit(locale="en", javascript=False)
    visitor.go("/products?q=garage")
    visitor.page.fill("input[name=price_from]", "500")
    visitor.press("button:has-text('Show results')")
    expect(visitor.page).to_have_url(re.compile("price_from=500"))
    expect(visitor.page.locator("#results")).to_contain_text("from ฿500")
    expect(visitor.page.locator("input[name=price_from]")).to_have_value("500")
