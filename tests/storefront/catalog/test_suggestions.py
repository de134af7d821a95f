from __future__ import annotations

from datetime import UTC, datetime

from flask.testing import FlaskClient

from storefront.catalog.search.indexing import index_stale
from storefront.catalog.search.reading import read_phrase
from storefront.catalog.suggestions import MOST_CARDS, Suggestions, mark, suggest_products
from storefront.db import Database
from tests.support.factories import Factory

NOW = datetime.now(UTC)


def suggested(database: Database, phrase: str) -> Suggestions:
    with database.reading() as session:
        return suggest_products(session, phrase, now=NOW)


def test_nothing_is_suggested_for_nothing(make: Factory, database: Database) -> None:
    make.product()
    index_stale(database)
    assert suggested(database, "").cards == []


def test_three_letters_of_a_thai_word_find_the_product(make: Factory, database: Database) -> None:
    make.product(slug="garage", name_th="ระบบโรงรถ", name_en="Garage")
    index_stale(database)
    for typed in ("โร", "โรง", "ระบบโร", "gar"):
        assert [card.slug for card in suggested(database, typed).cards] == ["garage"], typed


def test_six_are_shown_and_all_are_counted(make: Factory, database: Database) -> None:
    for _ in range(MOST_CARDS + 3):
        make.product(name_en="Garage")
    index_stale(database)
    found = suggested(database, "garage")
    assert (len(found.cards), found.total, found.is_about) == (MOST_CARDS, MOST_CARDS + 3, False)


def test_a_category_of_that_name_is_suggested_too(make: Factory, database: Database) -> None:
    shelf = make.category("boats")
    make.product(category_id=shelf.id, name_en="Yacht")
    index_stale(database)
    found = suggested(database, "boat")
    assert [branch.slug for branch in found.branches] == ["boats"]
    assert len(found.cards) == 1


def test_what_was_typed_is_marked_where_it_stands(make: Factory, database: Database) -> None:
    make.product(name_en="QR Garage", name_th="ระบบโรงรถ")
    index_stale(database)
    with database.reading() as session:
        english, thai = read_phrase(session, "gar"), read_phrase(session, "โรงร")
        slip = read_phrase(session, "garrage")
    assert mark("QR Garage", english) == [("QR ", False), ("Gar", True), ("age", False)]
    assert mark("ระบบโรงรถ", thai) == [("ระบบ", False), ("โรงร", True), ("ถ", False)]
    assert mark("QR Garage", slip) == [("QR ", False), ("Garage", True)]


def test_names_are_escaped_around_the_mark(
    client: FlaskClient, make: Factory, database: Database
) -> None:
    make.product(name_en="Garage <b>&", name_th="Garage <b>&")
    index_stale(database)
    page = client.get("/en/products/suggest?q=gar").text
    assert "<mark>Gar</mark>age &lt;b&gt;&amp;" in page
    assert "See the one result" in page
