"""The frame in a browser: what a first visit weighs, that nothing jumps, keys, motion, waiting."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.journeys.visitor import Visit

Begin = Callable[..., Visit]

PAGES = ("/", "/products", "/products/qr-garage")
MOST_BYTES = 100_000
# A tenth of what counts as good. None at all where the fonts come before the first paint; where
# they come later, words of the stand-in fonts are a pixel wider or narrower.
MOST_SHIFT = 0.01
KEYS = "#keys"

NOTE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const moved = entry.sources.map((one) => one.node?.nodeName + "." + one.node?.className);
    window.shifts.push(`${entry.value.toFixed(5)} ${moved.join(", ")}`);
  }
}).observe({ type: "layout-shift", buffered: true });
"""

ADD_COUNTDOWN = """(milliseconds) => {
  const ends = Number(document.documentElement.dataset.now) + milliseconds;
  const place = document.createElement("p");
  place.innerHTML = `<span data-countdown="${ends}" data-units="d|h|min|s">`
    + `<span class="countdown__left"></span></span>`;
  document.querySelector("main").prepend(place);
  window.isOld = true;
}"""


def is_open(page: Page) -> bool:
    return bool(page.locator(KEYS).evaluate("(list) => list.matches(':popover-open')"))


@pytest.mark.parametrize("locale", ["th", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_a_first_visit_weighs_less_than_100_kilobytes_without_pictures(
    visit: Begin, path: str, locale: str
) -> None:
    visitor = visit(locale=locale)
    fetched: list[Request] = []
    visitor.page.on("requestfinished", lambda one: fetched.append(one))
    visitor.go(path)
    visitor.page.wait_for_load_state("networkidle")
    sizes = {
        urlsplit(one.url).path: one.sizes()["responseBodySize"]
        for one in fetched
        if "/media/" not in one.url and not one.url.endswith(".webp")
    }

    assert sum(name.endswith(".woff2") for name in sizes) >= 2
    assert sum(sizes.values()) < MOST_BYTES, sorted(sizes.items(), key=lambda pair: -pair[1])


@pytest.mark.parametrize(("locale", "width"), [("th", 390), ("en", 1280)])
def test_nothing_moves_while_a_page_loads_and_scrolls(
    visit: Begin, locale: str, width: int
) -> None:
    visitor = visit(locale=locale, width=width)
    visitor.page.add_init_script(NOTE_SHIFTS)
    for path in (*PAGES, "/cart"):
        visitor.go(path)
        visitor.page.wait_for_load_state("networkidle")
        visitor.page.mouse.wheel(0, 2500)
        visitor.page.wait_for_timeout(400)
        shifts = visitor.page.evaluate("window.shifts")
        assert sum(float(one.split()[0]) for one in shifts) < MOST_SHIFT, (path, shifts)


def test_a_slash_goes_to_the_search_and_a_question_mark_lists_the_keys(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    visitor.go("/")
    page.keyboard.press("/")
    expect(page.locator("#header-search")).to_be_focused()
    page.keyboard.type("what?/")
    expect(page.locator("#header-search")).to_have_value("what?/")
    assert not is_open(page)

    page.locator("main").focus()
    page.keyboard.press("?")
    assert is_open(page)
    assert page.locator(f"{KEYS} :focus").count() == 1
    page.keyboard.press("Escape")
    assert not is_open(page)


def test_on_a_phone_a_slash_opens_the_menu_with_its_search(visit: Begin) -> None:
    page = (visitor := visit(locale="en", width=390)).page
    visitor.go("/")
    page.keyboard.press("/")
    expect(page.locator("#menu-search")).to_be_focused()


def test_single_keys_can_be_turned_off_for_good(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    visitor.go("/")
    page.locator("footer [popovertarget=keys]").click()
    page.locator("[data-keys-switch]").uncheck()
    visitor.go("/products")
    page.keyboard.press("?")
    page.keyboard.press("/")
    assert not is_open(page)
    expect(page.locator("#list-search")).not_to_be_focused()
    assert not page.locator("[data-keys-switch]").is_checked()


def test_without_script_the_footer_still_lists_the_keys_and_the_phone_finds_the_search(
    visit: Begin,
) -> None:
    page = (visitor := visit(locale="en", width=390, javascript=False)).page
    visitor.go("/")
    page.locator("footer [popovertarget=keys]").click()
    expect(page.locator(KEYS)).to_be_visible()
    page.locator(f"{KEYS} [popovertargetaction=hide]").click()
    expect(page.locator(KEYS)).not_to_be_visible()
    page.locator("[data-search-opens]").click()
    expect(page.locator("#list-search")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_focus_is_never_hidden_under_the_sticky_header(visit: Begin, width: int) -> None:
    page = (visitor := visit(locale="en", width=width)).page
    visitor.go("/")
    page.keyboard.press("End")
    hidden = []
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        hidden += page.evaluate(
            """() => {
              const one = document.activeElement;
              if (one === document.body || one.closest(".site-header, [popover], .skip")) return [];
              const { top, bottom } = one.getBoundingClientRect();
              const edge = document.querySelector(".site-header").getBoundingClientRect().bottom;
              return top >= edge && bottom <= innerHeight ? [] : [one.outerHTML.slice(0, 120)];
            }"""
        )
    assert hidden == []


def test_a_product_is_fetched_while_the_pointer_rests_on_it(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    visitor.go("/products")
    link = page.locator(".card__name a").first
    with page.expect_request(lambda one: urlsplit(one.url).path.startswith("/en/products/qr-")):
        link.hover()
    page.wait_for_timeout(500)
    link.click()
    expect(page.locator("h1")).to_be_visible()
    delivery = "performance.getEntriesByType('navigation')[0].deliveryType"
    assert page.evaluate(delivery) == "navigational-prefetch"


def test_what_was_fetched_ahead_does_not_hide_what_was_put_into_the_cart(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    visitor.go("/")
    link = page.locator("#newest").locator("xpath=ancestor::section").locator(".card__name a").first
    with page.expect_request(lambda one: urlsplit(one.url).path.startswith("/en/products/qr-")):
        link.hover()
    page.wait_for_timeout(500)
    with page.expect_response("**/cart/lines"):
        page.locator("button[aria-label^='Add']:visible").first.click()
    expect(page.locator("#cart-count")).to_have_text("1")
    link.click()
    expect(page.locator(".gallery__front")).to_be_visible()
    expect(page.locator("#cart-count")).to_have_text("1")


def test_the_picture_of_a_card_travels_to_its_product(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    page.emulate_media(reduced_motion="no-preference")
    visitor.go("/products")
    page.evaluate(
        """() => addEventListener("pageswap", (event) => {
          const shared = document.querySelector("[data-shared]");
          sessionStorage.swapped = JSON.stringify({
            moves: Boolean(event.viewTransition),
            name: shared && getComputedStyle(shared).viewTransitionName,
            page: shared?.closest(".card").querySelector("a").pathname,
          });
        })"""
    )
    link = page.locator(".card__name a").nth(2)
    path = urlsplit(link.get_attribute("href") or "").path
    link.click()
    front = page.locator(".gallery__front")
    expect(front).to_be_visible()
    swapped = page.evaluate("JSON.parse(sessionStorage.swapped)")
    assert swapped == {"moves": True, "name": "product-cover", "page": path}
    assert front.evaluate("(one) => getComputedStyle(one).viewTransitionName") == "product-cover"


def test_nothing_travels_for_who_asked_for_less_motion(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    page.emulate_media(reduced_motion="reduce")
    visitor.go("/products")
    page.evaluate(
        "addEventListener('pageswap', (e) => { sessionStorage.moves = Boolean(e.viewTransition); })"
    )
    page.locator(".card__name a").first.click()
    expect(page.locator(".gallery__front")).to_be_visible()
    assert page.evaluate("sessionStorage.moves") == "false"


def test_a_list_that_is_slow_to_come_shows_shapes_after_a_while_and_never_moves(
    visit: Begin,
) -> None:
    page = (visitor := visit(locale="en")).page
    page.add_init_script(NOTE_SHIFTS)
    visitor.go("/products")
    held: list[Route] = []
    page.route("**/products?*", lambda one: held.append(one))
    cover = page.locator("#results .card__cover").first
    shape = "(one) => Number(getComputedStyle(one, '::after').opacity)"
    before = page.locator("#results").bounding_box()

    page.locator("#list-form select[name=sort]").select_option(index=1)
    page.locator("#results.htmx-request").wait_for()
    # Its delay is the style sheet's: read it rather than race it.
    delay = "(one) => getComputedStyle(one, '::after').animationDelay.split(',')[0]"
    assert cover.evaluate(delay) == "0.2s"
    page.wait_for_timeout(600)
    assert cover.evaluate(shape) == 1
    assert page.locator("#results").bounding_box() == before
    assert page.evaluate("window.shifts") == []

    held[0].continue_()
    page.locator("#results:not(.htmx-request)").wait_for()
    assert cover.evaluate("(one) => getComputedStyle(one, '::after').content") == "none"


def test_a_countdown_ticks_by_the_servers_clock_and_shows_the_page_anew_once(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    # A machine whose clock is a day ahead.
    page.add_init_script("const now = Date.now; Date.now = () => now() + 86400000;")
    visitor.go("/cart")
    with page.expect_event("load"):
        page.evaluate(ADD_COUNTDOWN, 3000)
        expect(page.locator("main .countdown__left").first).to_have_text("0 min 02 s")
    assert page.evaluate("window.isOld") is None
    # The page that came has nothing that runs: it is not loaded again and again.
    page.evaluate(ADD_COUNTDOWN, -5000)
    page.wait_for_timeout(3500)
    assert page.evaluate("window.isOld") is True


def test_at_the_end_of_a_sale_only_the_rows_of_home_are_shown_anew(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    visitor.go("/")
    page.evaluate(
        """() => {
          const ends = Number(document.documentElement.dataset.now) + 1500;
          const rows = document.querySelector("#rows");
          rows.insertAdjacentHTML("afterbegin", `<span data-countdown="${ends}"
            data-units="d|h|min|s"><span class="countdown__left"></span></span>`);
          rows.dataset.old = "";
          window.isOld = true;
        }"""
    )
    page.wait_for_selector("#rows:not([data-old])")
    assert page.evaluate("window.isOld") is True
    assert page.locator("#rows h2").count() > 2


def test_a_lost_connection_is_said_once_and_taken_back(visit: Begin) -> None:
    page = (visitor := visit(locale="en")).page
    visitor.go("/products")
    page.context.set_offline(True)
    toast = page.locator("#toasts [data-offline]")
    expect(toast).to_have_count(1)
    expect(toast).to_contain_text("No connection")
    page.context.set_offline(False)
    expect(toast).to_have_count(0)
