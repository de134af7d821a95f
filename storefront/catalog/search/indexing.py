"""Writing the index. Only the worker, the CLI and the sandbox import this: it loads the Thai
dictionary, which has no place in a web process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from storefront.catalog.cards import SHOWN
from storefront.catalog.models import Category, Product
from storefront.catalog.search.documents import (
    ProductText,
    head_of,
    labels_of,
    vector,
    weigh_words,
)
from storefront.catalog.search.models import SearchDocument, SearchTerm, SearchWord, WordOrigin
from storefront.catalog.search.segment import Segmenter, the_segmenter
from storefront.catalog.search.service import find_stale
from storefront.catalog.search.text import bare, fold
from storefront.db import Database
from storefront.kit.ids import new_id

BATCH: Final = 100
TOP_SELLERS: Final = 1_000
TOP_NEWEST: Final = 250

# Writers of the index wait for each other, so that the vocabulary counts every product once.
_ONE_WRITER: Final = text("SELECT pg_advisory_xact_lock(7307114)")


def index_stale(database: Database) -> int:
    """Index every product whose index is older than itself, in transactions of 100; returns how
    many. Safe to run at any time and side by side."""
    done = 0
    while True:
        with database.reading() as session:
            stale = find_stale(session, limit=BATCH)
        index_batch(database, stale)
        done += len(stale)
        if len(stale) < BATCH:
            return done


def index_batch(database: Database, product_ids: Sequence[UUID]) -> None:
    """Index these products in a transaction of their own."""
    if not product_ids:
        return
    # The dictionary is loaded before the transaction, which would stand idle for it.
    the_segmenter()
    with database.transaction() as session:
        index_products(session, product_ids)


def index_products(session: Session, product_ids: Sequence[UUID]) -> None:
    """Bring the index of these products up to date: words of those that are shown, nothing of the
    others. Idempotent. Takes the lock of index writers until the end of the transaction."""
    session.execute(_ONE_WRITER)
    rows = session.execute(_TEXTS, {"ids": list(product_ids)}).all()
    cutter, synonyms = _learn(session, (name for row in rows for name in (row.name_th, *row.tags)))
    before = session.execute(_WORDS_BEFORE, {"ids": list(product_ids)}).all()
    after = {
        row.id: weigh_words(_text_of(row), cutter, synonyms=synonyms)
        for row in rows
        if row.status in SHOWN
    }
    _write_documents(session, {row.id: row.revision for row in rows}, after)
    if gone := [one for one in product_ids if one not in after]:
        session.execute(delete(SearchDocument).where(SearchDocument.product_id.in_(gone)))
    _change_terms(
        session,
        documents=_difference([row.words for row in before], after.values()),
        labels=_difference([row.labels for row in before], map(labels_of, after.values())),
    )


def rebuild_index(database: Database) -> int:
    """Read every product again, while search goes on with what there is; then count the
    vocabulary anew. Returns the number of products read."""
    with database.transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(update(SearchDocument).values(revision=-1))
    done = index_stale(database)
    with database.transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(_ONE_WRITER)
        session.execute(delete(SearchTerm))
        counted = session.execute(_COUNT_TERMS).all()
        _change_terms(
            session,
            documents={row[0]: row[1] for row in counted},
            labels={row[0]: row[2] for row in counted},
        )
        refresh_top(session)
    return done


def refresh_top(session: Session) -> int:
    """Choose the best sellers anew: the 1,000 bought most and the 250 newest. Returns how many
    documents changed sides."""
    best = select(Product.id).order_by(Product.sold_count.desc(), Product.id).limit(TOP_SELLERS)
    newest = select(Product.id).order_by(Product.published_at.desc()).limit(TOP_NEWEST)
    shown = Product.status.in_(SHOWN)
    is_top = or_(
        SearchDocument.product_id.in_(best.where(shown)),
        SearchDocument.product_id.in_(newest.where(shown)),
    )
    changed = session.scalars(
        update(SearchDocument)
        .where(SearchDocument.is_top != is_top)
        .values(is_top=is_top)
        .returning(SearchDocument.product_id)
        .execution_options(synchronize_session=False)
    )
    return len(changed.all())


def _learn(session: Session, names: Iterable[str]) -> tuple[Segmenter, Mapping[str, str]]:
    """The segmenter with the words of the shop, and with what these names add to them."""
    known = session.execute(select(SearchWord.word, SearchWord.same_as)).all()
    own = frozenset(fold(word) for pair in known for word in pair if word)
    cutter = the_segmenter()
    cutter.know(own)
    fresh = dict.fromkeys(word for name in names for word in cutter.unknown_words(name))
    if fresh:
        session.execute(
            insert(SearchWord).on_conflict_do_nothing(index_elements=["word"]),
            [{"id": new_id(), "word": word, "origin": WordOrigin.PRODUCT} for word in fresh],
        )
        cutter.know(own.union(fresh))
    return cutter, {word: fold(other) for word, other in known if other}


def _text_of(row: Any) -> ProductText:
    categories = (row.shelf_th, row.shelf_en, row.parent_th or "", row.parent_en or "")
    return ProductText(
        names=(row.name_th, row.name_en),
        labels=(
            *row.tags,
            *row.frameworks,
            *row.features_th,
            *row.features_en,
            *categories,
        ),
        summaries=(row.summary_th, row.summary_en),
        texts=(row.description_th, row.description_en, *row.dependencies, row.slug),
    )


def _write_documents(
    session: Session, revisions: Mapping[UUID, int], words: Mapping[UUID, Mapping[str, str]]
) -> None:
    if not words:
        return
    written = insert(SearchDocument)
    session.execute(
        written.on_conflict_do_update(
            index_elements=["product_id"],
            set_={
                "revision": written.excluded.revision,
                "words": written.excluded.words,
                "head": written.excluded.head,
                "indexed_at": func.now(),
            },
        ),
        [
            {
                "product_id": product_id,
                "revision": revisions[product_id],
                "words": vector(weights),
                "head": vector(head_of(weights)),
            }
            for product_id, weights in words.items()
        ],
    )


def _difference(
    before: Iterable[Iterable[str]], after: Iterable[Iterable[str]]
) -> Mapping[str, int]:
    """By how much the number of products of each word changed."""
    change: Counter[str] = Counter()
    for words in after:
        change.update(list(words))
    for words in before:
        change.subtract(list(words))
    return change


def _change_terms(
    session: Session, *, documents: Mapping[str, int], labels: Mapping[str, int]
) -> None:
    """Bring the counts of the vocabulary up to date, in one statement."""
    terms = [
        term for term in {*documents, *labels} if documents.get(term, 0) or labels.get(term, 0)
    ]
    values = {
        "terms": terms,
        "bare": [bare(term) for term in terms],
        "documents": [documents.get(term, 0) for term in terms],
        "labels": [labels.get(term, 0) for term in terms],
    }
    session.execute(_CHANGE_TERMS, values)


_PARENT: Final = aliased(Category)
_TEXTS: Final = (
    select(
        Product.id,
        Product.revision,
        Product.status,
        Product.slug,
        Product.name_th,
        Product.name_en,
        Product.summary_th,
        Product.summary_en,
        Product.description_th,
        Product.description_en,
        Product.features_th,
        Product.features_en,
        Product.tags,
        Product.frameworks,
        Product.dependencies,
        Category.name_th.label("shelf_th"),
        Category.name_en.label("shelf_en"),
        _PARENT.name_th.label("parent_th"),
        _PARENT.name_en.label("parent_en"),
    )
    .join(Category, Category.id == Product.category_id)
    .outerjoin(_PARENT, _PARENT.id == Category.parent_id)
    .where(Product.id == func.any(text(":ids")))
)
_WORDS_BEFORE: Final = text(
    "SELECT tsvector_to_array(words) AS words,"
    " tsvector_to_array(ts_filter(head, '{a,b}')) AS labels"
    " FROM search_documents WHERE product_id = ANY(:ids)"
)
_CHANGE_TERMS: Final = text(
    """
    MERGE INTO search_terms AS terms
    USING unnest(
        CAST(:terms AS text[]), CAST(:bare AS text[]),
        CAST(:documents AS bigint[]), CAST(:labels AS bigint[])
    ) AS change(term, bare, documents, labels) ON terms.term = change.term
    WHEN MATCHED THEN UPDATE SET
        documents = greatest(terms.documents + change.documents, 0),
        labels = greatest(terms.labels + change.labels, 0)
    WHEN NOT MATCHED THEN INSERT (term, bare, documents, labels)
        VALUES (
            change.term, change.bare, greatest(change.documents, 0), greatest(change.labels, 0)
        )
    """
)
_COUNT_TERMS: Final = text(
    """
    SELECT word, words.ndoc, coalesce(labels.ndoc, 0)
    FROM ts_stat('SELECT words FROM search_documents') AS words
    LEFT JOIN ts_stat('SELECT ts_filter(head, ''{a,b}'') FROM search_documents') AS labels
        USING (word)
    """
)
