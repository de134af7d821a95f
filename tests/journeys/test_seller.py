"""A seller puts a new product on the shelves: texts, two tiers, a picture, a release, a sale."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests.journeys.test_flash_sale import plan_sale, price_on_page
from tests.journeys.visitor import Visit

Begin = Callable[..., Visit]


def picture() -> bytes:
    """A photograph would do; this one is drawn."""
    drawn = Image.new("RGB", (1280, 720), (24, 12, 48))
    ImageDraw.Draw(drawn).ellipse((340, 60, 940, 660), fill=(150, 90, 250))
    body = BytesIO()
    drawn.save(body, "PNG")
    return body.getvalue()


def archive() -> bytes:
    """A script as sellers pack it."""
    body = BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        packed.writestr("qr-lighthouse/fxmanifest.lua", "fx_version 'cerulean'\ngame 'gta5'\n")
        packed.writestr("qr-lighthouse/server.lua", "print('lighthouse')\n")
    return body.getvalue()


def write_texts(page: Page, slug: str) -> None:
    """Both languages side by side."""
    for name, thai, english in (
        ("name", "QR ประภาคารวิเศษ", "QR Lighthouse"),
        ("summary", "ประภาคารที่หมุนได้จริงสำหรับชายฝั่ง", "A lighthouse that really turns"),
        ("description", "## แสงไฟ\n\nหมุนทั้งคืน", "## Light\n\nTurns <b>all</b> night"),
        ("features", "ไฟหมุน\nเสียงหมอก", "Turning light\nFog horn"),
    ):
        page.locator(f"[name={name}_th]").fill(thai)
        page.locator(f"[name={name}_en]").fill(english)
    page.locator("[name=slug]").fill(slug)
    page.locator("[name=frameworks][value=esx]").check()
    page.locator("[name=resource_cost]").fill("0.02")
    page.locator("[name=category_id]").select_option(index=2)


def write_tier(page: Page, place: int, name: str, price: str) -> None:
    """One licence tier."""
    at = f"tier-{place}-"
    if not page.locator(f"#{at}price").count():
        page.get_by_role("button", name="Add a tier").click()
    for field, value in (
        ("name_th", name),
        ("name_en", name),
        ("price", price),
        ("slots", "2"),
    ):
        page.locator(f"#{at}{field}").fill(value)


@pytest.mark.parametrize("javascript", [True, False])
def test_a_seller_fills_a_shelf_and_shoppers_see_it(visit: Begin, javascript: bool) -> None:
    slug = f"qr-lighthouse-{'js' if javascript else 'plain'}"
    visitor = visit(locale="en", javascript=javascript)
    page = visitor.page
    visitor.sign_in("mali")

    visitor.go("/admin/products/new")
    write_texts(page, slug)
    write_tier(page, 0, "Standard", "590")
    write_tier(page, 1, "Studio", "1,290.50")
    page.get_by_role("button", name="Save and publish").click()
    expect(page.locator(".flashes")).to_be_visible()
    product = re.sub(r"[?#].*", "", page.url)

    page.goto(f"{product}/images")
    page.set_input_files(
        "input[name=pictures]", {"name": "a.png", "mimeType": "image/png", "buffer": picture()}
    )
    page.get_by_role("button", name="Upload").click()
    visitor.reload_until("1280", seconds=60)

    page.goto(f"{product}/releases/new")
    page.locator("[name=version]").fill("1.0.0")
    page.locator("[name=changelog_th]").fill("รุ่นแรก")
    page.locator("[name=changelog_en]").fill("First light")
    page.set_input_files(
        "input[name=archive]",
        {"name": "a.zip", "mimeType": "application/zip", "buffer": archive()},
    )
    page.get_by_role("button", name="Upload and check").click()
    if not javascript:
        # The page of the check leads to the draft once there is one.
        visitor.reload_until("Publication", seconds=60)
    page.get_by_role("button", name="Publish", exact=True).click(timeout=60_000)
    expect(page.locator("main")).to_contain_text(re.compile("published", re.I))

    visitor.go(f"/products/{slug}")
    main = page.locator("main")
    for words in ("QR Lighthouse", "Turning light", "Studio", "฿1,290.50", "1.0.0", "First light"):
        expect(main).to_contain_text(words)
    expect(main.locator("b", has_text="all")).to_have_count(0)
    assert page.locator("main picture img").first.evaluate("one => one.naturalWidth") > 0

    visitor.go("/products?q=ประภาคาร")
    visitor.reload_until("QR Lighthouse", seconds=60)

    plan_sale(visitor, slug, "99")
    visitor.go(f"/products/{slug}")
    assert price_on_page(page) == "฿99"
