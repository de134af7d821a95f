from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from jobs.outbox import sweep_outbox
from jobs.search import tend_index
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.catalog.search import indexing
from storefront.catalog.search.models import SearchDocument, SearchTerm, SearchWord
from storefront.catalog.search.reading import Reading, read_phrase
from storefront.catalog.search.service import add_word, enqueue_indexing, find_stale, remove_word
from storefront.db import Database
from storefront.errors import Conflict, Invalid
from tests.support.factories import Factory


def terms(database: Database) -> dict[str, int]:
    """The vocabulary with the number of products of each word."""
    with database.reading() as session:
        rows = session.execute(
            select(SearchTerm.term, SearchTerm.documents).where(SearchTerm.documents > 0)
        )
        return {row.term: row.documents for row in rows}


def read(database: Database, phrase: str) -> Reading:
    with database.reading() as session:
        return read_phrase(session, phrase)


def change(database: Database, product: Product, **values: object) -> None:
    with database.transaction() as session:
        session.execute(
            update(Product)
            .where(Product.id == product.id)
            .values(revision=Product.revision + 1, **values)
        )


def test_the_vocabulary_counts_each_product_once_however_often_it_is_indexed(
    make: Factory, database: Database
) -> None:
    first = make.product(name_en="Garage garage", summary_en="A garage")
    make.product(name_en="Garage")
    indexing.index_stale(database)
    for _ in range(2):
        with database.transaction() as session:
            indexing.index_products(session, [first.id])
    assert terms(database)["garage"] == 2


def test_what_a_product_no_longer_says_is_forgotten(make: Factory, database: Database) -> None:
    product = make.product(name_en="Garage")
    indexing.index_stale(database)
    change(database, product, name_en="Harbour")
    assert indexing.index_stale(database) == 1
    assert "garage" not in terms(database)
    assert terms(database)["harbour"] == 1


def test_what_shoppers_may_not_see_is_in_no_index(make: Factory, database: Database) -> None:
    make.product(name_en="Secret", status="draft")
    product = make.product(name_en="Garage")
    indexing.index_stale(database)
    change(database, product, status="archived")
    indexing.index_stale(database)
    assert not {"secret", "garage"} & set(terms(database))


def test_nothing_is_indexed_twice_for_nothing(make: Factory, database: Database) -> None:
    make.product()
    make.product(status="draft")
    assert indexing.index_stale(database) == 1
    assert indexing.index_stale(database) == 0


def test_a_rebuilt_index_is_the_same(make: Factory, database: Database) -> None:
    make.product(name_th="ระบบโรงรถ", name_en="Garage's \\ 'best'", tags=["o'neil"])
    make.product(name_en="Garage")
    indexing.index_stale(database)
    before = terms(database)
    assert indexing.rebuild_index(database) == 2
    assert terms(database) == before


def test_the_task_enqueued_with_a_change_indexes_it(make: Factory, shop: Shop) -> None:
    product = make.product(name_en="Garage")
    with shop.database.transaction() as session:
        enqueue_indexing(session, product.id)
    sweep_outbox(shop, overdue=timedelta(0))
    assert "garage" in terms(shop.database)


def test_what_was_missed_is_indexed_by_the_schedule(make: Factory, shop: Shop) -> None:
    make.product(name_en="Garage")
    tend_index(shop)
    sweep_outbox(shop, overdue=timedelta(0))
    with shop.database.reading() as session:
        assert find_stale(session, limit=1) == []
    assert "garage" in terms(shop.database)


def test_two_writers_of_the_index_count_right(make: Factory, database: Database) -> None:
    products = [make.product(name_en="Garage") for _ in range(6)]

    def index() -> None:
        for product in products:
            with database.transaction() as session:
                indexing.index_products(session, [product.id])

    writers = [threading.Thread(target=index) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert terms(database)["garage"] == 6


def test_the_best_sellers_are_chosen_anew(
    make: Factory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "TOP_SELLERS", 1)
    monkeypatch.setattr(indexing, "TOP_NEWEST", 0)
    best = make.product(sold_count=9)
    make.product(sold_count=1)
    indexing.index_stale(database)
    with database.transaction() as session:
        assert indexing.refresh_top(session) == 1
    with database.reading() as session:
        top = select(SearchDocument.product_id).where(SearchDocument.is_top)
        assert session.scalars(top).all() == [best.id]


def test_an_unknown_thai_name_becomes_a_word_of_the_shop(make: Factory, database: Database) -> None:
    make.product(name_th="ระบบคราฟต์ใหม่")
    make.product(name_th="โต๊ะ", summary_th="สำหรับคราฟต์อาวุธ")
    indexing.index_stale(database)
    with database.reading() as session:
        word = session.scalars(select(SearchWord)).one()
        assert (word.word, word.origin) == ("คราฟต์", "product")
    assert terms(database)["คราฟต์"] == 2


def test_a_word_of_staff_finds_what_is_called_otherwise(make: Factory, shop: Shop) -> None:
    actor = make.user(role="admin")
    make.product(name_en="Garage", name_th="โรงรถ")
    indexing.index_stale(shop.database)
    assert read(shop.database, "การาจ").is_hopeless
    with shop.database.transaction() as session:
        word_id = add_word(session, "การาจ", same_as="Garage", actor_id=actor.id)
    indexing.index_stale(shop.database)
    assert read(shop.database, "การาจ").words[0].exact == ("การาจ",)
    assert read(shop.database, "การา").words[0].others == ("การาจ",)
    with shop.database.transaction() as session:
        remove_word(session, word_id, actor_id=actor.id)
    indexing.index_stale(shop.database)
    assert read(shop.database, "การาจ").is_hopeless


@pytest.mark.parametrize(
    ("word", "same_as"),
    [("", ""), ("two words", ""), ("โรงรถ esx", ""), ("x" * 41, ""), ("a", "A")],
)
def test_only_single_words_can_be_taught(
    make: Factory, database: Database, word: str, same_as: str
) -> None:
    actor = make.user(role="admin")
    with pytest.raises(Invalid), database.transaction() as session:
        add_word(session, word, same_as=same_as, actor_id=actor.id)


def test_a_known_word_is_not_taught_again(make: Factory, database: Database) -> None:
    actor = make.user(role="admin")
    with database.transaction() as session:
        add_word(session, "การาจ", same_as="", actor_id=actor.id)
    with pytest.raises(Conflict), database.transaction() as session:
        add_word(session, "การาจ", same_as="garage", actor_id=actor.id)


def test_a_mended_slip_says_what_was_meant(make: Factory, database: Database) -> None:
    make.product(name_en="Garage", name_th="ตำรวจ")
    indexing.index_stale(database)
    assert read(database, "garrage").corrected == "garage"
    assert read(database, "garage").corrected is None
    assert read(database, "ตำรจว").corrected == "ตำรวจ"


def test_the_inside_of_a_word_is_found_where_nothing_else_is(
    make: Factory, database: Database
) -> None:
    make.product(name_en="Speedometer")
    indexing.index_stale(database)
    assert read(database, "edometer").words[0].others == ("speedometer",)


def test_a_web_process_never_loads_the_thai_dictionary(root: Path) -> None:
    listing = subprocess.run(
        [sys.executable, "-c", "import sys, storefront.app; print(*sys.modules)"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert "storefront.catalog.search.reading" in listing
    assert not [name for name in listing if name.startswith("pythainlp")]
