"""Two languages: Thai at the root, English under /en; money and dates as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from storefront.i18n import LanguagePrefix, current_locale, init_languages, locale_url
from storefront.kit.money import Money
from storefront.language import date_text, datetime_text, money_text


@pytest.fixture
def pages() -> Flask:
    app = Flask("storefront")
    init_languages(app)
    app.add_url_rule(
        "/", "show", lambda rest="": f"{current_locale()} {locale_url('th')} {locale_url('en')}"
    )
    app.add_url_rule("/<path:rest>", "show")
    app.url_map.merge_slashes = False
    app.wsgi_app = LanguagePrefix(app.wsgi_app)  # type: ignore[method-assign]
    return app


@pytest.mark.parametrize(
    ("satang", "text"),
    [
        (0, "฿0"),
        (1, "฿0.01"),
        (100, "฿1"),
        (105, "฿1.05"),
        (129_000, "฿1,290"),
        (129_050, "฿1,290.50"),
        (100_000_000_00, "฿100,000,000"),
        (-129_000, "\u2212฿1,290"),
        (-5, "\u2212฿0.05"),
    ],
)
def test_money_reads_the_same_in_both_languages(satang: int, text: str) -> None:
    assert money_text(Money(satang)) == text


@given(st.integers(-(10**12), 10**12))
def test_no_satang_is_lost_in_writing(satang: int) -> None:
    text = money_text(Money(satang)).replace("\u2212", "-").replace("฿", "").replace(",", "")
    whole, _, rest = text.partition(".")

    assert abs(satang) == abs(int(whole)) * 100 + int(rest or 0)
    assert text.startswith("-") == (satang < 0)


def test_a_foreign_currency_is_named() -> None:
    assert money_text(Money(12_345, "USD")) == "USD 123.45"


def test_thai_dates_count_in_the_buddhist_era_and_on_the_clock_of_bangkok() -> None:
    new_year_in_bangkok = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)

    assert date_text(new_year_in_bangkok, "th") == "1 ม.ค. 2570"
    assert date_text(new_year_in_bangkok, "en") == "1 Jan 2027"
    assert datetime_text(new_year_in_bangkok, "th") == "1 ม.ค. 2570 00:30"
    assert datetime_text(new_year_in_bangkok, "en") == "1 Jan 2027 00:30"


def test_a_leap_day_has_a_thai_year_too() -> None:
    assert date_text(datetime(2028, 2, 29, tzinfo=UTC), "th") == "29 ก.พ. 2571"


@pytest.mark.parametrize(
    ("address", "locale", "thai", "english"),
    [
        ("/", "th", "/", "/en/"),
        ("/en", "en", "/", "/en/"),
        ("/en/", "en", "/", "/en/"),
        ("/products?q=a&page=2", "th", "/products?q=a&page=2", "/en/products?q=a&page=2"),
        ("/en/products?q=%E0%B8%81", "en", "/products?q=%E0%B8%81", "/en/products?q=%E0%B8%81"),
        ("/english", "th", "/english", "/en/english"),
        ("/en/en", "en", "/en", "/en/en"),
    ],
)
def test_each_page_knows_its_address_in_the_other_language(
    pages: Flask, address: str, locale: str, thai: str, english: str
) -> None:
    page = pages.test_client().get(address)

    assert page.text == f"{locale} {thai} {english}"


@pytest.mark.parametrize("address", ["//evil.example/x", "/en//evil.example/x", "///evil.example"])
def test_the_language_switch_never_leads_to_another_site(pages: Flask, address: str) -> None:
    # Given as an address, the test client would take the first part for a host.
    page = pages.test_client().get("/", environ_overrides={"PATH_INFO": address})

    for link in page.text.split()[1:]:
        assert link.startswith("/")
        assert not link.startswith("//")


def test_outside_a_request_the_language_is_thai() -> None:
    assert current_locale() == "th"
