"""The picture beside a shared link: what it shows, when it is drawn, and what stands in for it."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image, features
from sqlalchemy import select, update

from jobs.share_cards import draw, draw_general, sweep
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Variant
from storefront.catalog.share_art import (
    break_lines,
    display_face,
    draw_product_card,
    drawable,
)
from storefront.catalog.share_cards import (
    CardFacts,
    carries,
    enqueue_share_card,
    find_card_facts,
    mark,
    shop_card_digest,
)
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.outbox import OutboxMessage
from tests.support.factories import Factory

THAI = "สคริปต์จัดการเซิร์ฟเวอร์และเก็บรถของผู้เล่นทุกคนในเมืองไว้ด้วยกัน"


def facts_of(shop: Shop, product: Product) -> CardFacts:
    with shop.database.reading() as session:
        facts = find_card_facts(session, product.id, shop_name=shop.settings.shop_name)
    assert facts is not None
    return facts


def asked_for(shop: Shop) -> list[dict[str, Any]]:
    with shop.database.reading() as session:
        tasks = session.scalars(
            select(OutboxMessage)
            .where(OutboxMessage.task.in_(["draw_share_card", "draw_shop_card"]))
            .order_by(OutboxMessage.created_at, OutboxMessage.id)
        ).all()
        return [{"task": one.task, **one.payload, "key": one.dedupe_key} for one in tasks]


def card_address(client: FlaskClient, page: str) -> str:
    found = re.search(r'<meta property="og:image" content="http://localhost([^"]+)"', page)
    assert found is not None
    return found[1]


def reprice(shop: Shop, product: Product, price: Money) -> None:
    with shop.database.transaction() as session:
        session.execute(
            update(Variant)
            .where(Variant.product_id == product.id)
            .values(price_satang=price.satang)
        )


def test_both_ways_to_work_out_a_digest_agree(shop: Shop, make: Factory) -> None:
    tiers = make.product(price=baht(300), cover="covers/qr-a")
    with shop.database.transaction() as session:
        session.add(
            Variant(
                id=new_id(),
                product_id=tiers.id,
                code="big",
                name_th="ใหญ่",
                name_en="Big",
                price_satang=90_000,
                position=1,
            )
        )
    products = [tiers, make.product(), make.product(status="coming_soon")]

    assert facts_of(shop, tiers).is_from
    assert facts_of(shop, products[2]).price is None
    sweep(shop)
    keys = {task["key"] for task in asked_for(shop)}
    for product in products:
        facts = facts_of(shop, product)
        assert f"share_card:{product.id}:{facts.digest}" in keys


def test_the_sweep_asks_once_for_what_is_missing(shop: Shop, make: Factory) -> None:
    product = make.product()
    make.product(status="draft")

    assert sweep(shop) == 2
    assert [task["task"] for task in asked_for(shop)] == ["draw_shop_card", "draw_share_card"]
    assert asked_for(shop)[1]["product_id"] == str(product.id)
    assert sweep(shop) == 0


def test_the_sweep_finds_a_change_nobody_told_it_of(shop: Shop, make: Factory) -> None:
    product = make.product(price=baht(100))
    sweep(shop)
    reprice(shop, product, baht(90))

    assert sweep(shop) == 1


def test_asking_for_one_product_asks_for_its_card(shop: Shop, make: Factory) -> None:
    product = make.product()
    with shop.database.transaction() as session:
        enqueue_share_card(session, product.id)

    assert [task["product_id"] for task in asked_for(shop)] == [str(product.id)]


def test_a_card_is_drawn_in_both_languages(shop: Shop, make: Factory) -> None:
    product = make.product(name_th="ระบบโรงรถ", name_en="Garage")
    draw(shop, {"product_id": str(product.id)})
    facts = facts_of(shop, product)
    cards = [shop.files.read(facts.key(locale)) for locale in ("th", "en")]

    assert cards[0].body != cards[1].body
    for card in cards:
        assert card.content_type == "image/jpeg"
        assert Image.open(BytesIO(card.body)).size == (1200, 630)
        assert carries(card.body, facts.digest)


def test_what_has_not_changed_is_not_drawn_again(shop: Shop, make: Factory) -> None:
    product = make.product(price=baht(100))
    facts = facts_of(shop, product)
    kept = mark(facts.digest) + b": as it was"
    for locale in ("th", "en"):
        shop.files.put(facts.key(locale), kept, content_type="image/jpeg")
    draw(shop, {"product_id": str(product.id)})
    assert shop.files.read(facts.key("en")).body == kept

    reprice(shop, product, baht(90))
    draw(shop, {"product_id": str(product.id)})
    assert shop.files.read(facts.key("en")).body != kept


def test_a_product_that_is_gone_or_hidden_needs_no_card(shop: Shop, make: Factory) -> None:
    hidden = make.product(status="draft")
    for product_id in (new_id(), hidden.id):
        draw(shop, {"product_id": str(product_id)})
        assert not shop.files.has(f"share/{product_id}-th.jpg")


def test_the_same_facts_give_the_same_bytes() -> None:
    facts = CardFacts(new_id(), "โรงรถ", "Garage", None, baht(490), False, "0" * 12)
    once, again = (draw_product_card(facts, "th", shop_name="QR", cover=b"") for _ in range(2))
    assert once == again


def test_until_it_is_drawn_the_cover_stands_in(
    client: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(cover="covers/qr-a")
    address = card_address(client, client.get(f"/en/products/{product.slug}").text)
    waiting = client.get(address)
    assert waiting.status_code == 302
    assert waiting.headers["Location"].endswith("/media/covers/qr-a-1200.webp")
    assert waiting.headers["Cache-Control"] == "no-store"

    draw(shop, {"product_id": str(product.id)})
    card = client.get(address)
    assert (card.status_code, card.content_type) == (200, "image/jpeg")
    assert "immutable" in card.headers["Cache-Control"]
    again = client.get(address, headers={"If-None-Match": card.headers["ETag"]})
    assert again.status_code == 304


def test_a_new_price_has_a_new_address_and_never_shows_the_old_card(
    client: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product(price=baht(100), cover="covers/qr-a")
    page = f"/products/{product.slug}"
    before = card_address(client, client.get(page).text)
    draw(shop, {"product_id": str(product.id)})
    reprice(shop, product, baht(90))
    after = card_address(client, client.get(page).text)

    assert before != after
    assert client.get(after).status_code == 302
    draw(shop, {"product_id": str(product.id)})
    assert client.get(after).status_code == 200


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_a_hidden_product_has_no_public_card(
    client: FlaskClient, shop: Shop, make: Factory, status: str
) -> None:
    product = make.product(status=status)
    shop.files.put(f"share/{product.id}-th.jpg", b"secret", content_type="image/jpeg")
    assert client.get(f"/share/{product.id}.jpg").status_code == 404


def test_pages_without_a_card_of_their_own_show_the_shops(client: FlaskClient, shop: Shop) -> None:
    address = card_address(client, client.get("/en/products").text)
    assert address == f"/en/share/shop.jpg?v={shop_card_digest(shop.settings.shop_name)}"
    draw_general(shop, {})
    assert client.get(address).content_type == "image/jpeg"


def test_a_shared_page_says_how_large_its_picture_is_and_what_it_shows(
    client: FlaskClient, make: Factory
) -> None:
    product = make.product(name_en="Garage & <more>")
    page = client.get(f"/en/products/{product.slug}").text
    assert '<meta property="og:image:width" content="1200">' in page
    assert '<meta property="og:image:height" content="630">' in page
    assert '<meta property="og:image:alt" content="Garage &amp; &lt;more&gt;">' in page


def test_thai_marks_are_shaped_and_take_no_room() -> None:
    assert features.check("raqm")
    face = display_face(60)
    assert face.width("ปู่") == face.width("ป")


@pytest.mark.parametrize("text", [THAI, "A name of many English words, long enough for lines"])
def test_a_long_name_breaks_between_words_and_loses_nothing(text: str) -> None:
    face = display_face(60)
    lines = break_lines(text, face, 500)

    assert len(lines) > 1
    assert all(face.width(line) <= 500 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "name", ["x" * 120, "ก" * 120, "", "🔥🔥", "ปู่ย่ำน้ำตื้น " * 9, "a\x00b\u202ec"]
)
def test_any_name_can_be_drawn(name: str) -> None:
    facts = CardFacts(new_id(), name, name, None, Money(1), True, "0" * 12)
    body = draw_product_card(facts, "th", shop_name=name, cover=b"")
    assert Image.open(BytesIO(body)).size == (1200, 630)


@pytest.mark.parametrize(
    ("text", "kept"), [("QR 🔥 Garage", "QR Garage"), ("โรงรถ\n2", "โรงรถ 2"), ("漢字", "")]
)
def test_letters_the_fonts_do_not_have_are_left_out(text: str, kept: str) -> None:
    assert drawable(text) == kept
