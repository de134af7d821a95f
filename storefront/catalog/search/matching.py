"""A reading of a phrase as conditions and ranks in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR

from storefront.catalog.cards import PRODUCTS
from storefront.catalog.search.documents import LABEL, NAME, SUMMARY, quoted
from storefront.catalog.search.models import SearchDocument
from storefront.catalog.search.reading import Reading
from storefront.catalog.search.text import fold

DOCUMENTS: Final = SearchDocument.__table__.c
RANK_STEP: Final = 10**9
"""Sales order products of one rank and never reach the next."""
_EACH_WORD: Final = 16
TOP_STEP: Final = 16 * _EACH_WORD * RANK_STEP
"""What lifts the best sellers above everything that is only ordered by sales."""


class Candidates(NamedTuple):
    """Products under a phrase, with what ranks them."""

    product_id: ColumnElement[Any]
    head: ColumnElement[Any]
    words: ColumnElement[Any]


def found_ids() -> ColumnElement[Any]:
    """The ids of all products under the phrase. A function of the database with a plan of its own:
    always through the index of words, whatever the statement around it is about."""
    return func.search_products(_query("found")).table_valued("product_id", name="found").c[0]


def found_best_ids() -> ColumnElement[Any]:
    """The ids of the best sellers among them."""
    found = func.search_best_sellers(_query("found"))
    return found.table_valued("product_id", name="found").c[0]


def candidates(ids: ColumnElement[Any]) -> Candidates:
    """What ranks these products. The head is put together anew, because otherwise every look into
    it would fetch it from where PostgreSQL keeps long values."""
    head = DOCUMENTS.head.op("||")(cast(literal(""), TSVECTOR))
    rows = (
        select(DOCUMENTS.product_id, head.label("head"), DOCUMENTS.words)
        .where(DOCUMENTS.product_id == ids)
        .offset(literal_column("0"))
        .subquery("ranked")
    )
    return Candidates(rows.c.product_id, rows.c.head, rows.c.words)


def is_found(product_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether one product has the phrase: for asking one after the other. A scalar query, so that
    the planner cannot turn it round and collect all of them first."""
    return _asked_singly(product_id).scalar_subquery()


def is_found_below_the_best(product_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The same for what is not among the best sellers."""
    return _asked_singly(product_id).where(DOCUMENTS.is_top.is_(False)).scalar_subquery()


def rank(found: Candidates) -> ColumnElement[int]:
    """How well a product answers the phrase, then how often it was bought, as one number.

    First by how many of the words it has at all; then: its name begins with the phrase; all words
    are in its name; in its name and its labels; with its summary; anywhere. In each of these, what
    was typed comes before what it may become or may have meant.
    """
    begins = or_(
        func.starts_with(func.lower(PRODUCTS.name_th), bindparam("begin")),
        func.starts_with(func.lower(PRODUCTS.name_en), bindparam("begin")),
    )
    steps = ("name", "name_or", "label", "label_or", "summary", "summary_or")
    best = case(
        (begins, 8),
        *((found.head.op("@@")(_query(step)), 7 - at) for at, step in enumerate(steps)),
        else_=1,
    )
    word = func.unnest(cast(bindparam("each"), ARRAY(TSQUERY))).column_valued("word")
    count = (
        select(func.count())
        .correlate(found.words.table)
        .where(found.words.op("@@")(word))
        .scalar_subquery()
    )
    points = cast(count, BigInteger) * _EACH_WORD + best
    return points * RANK_STEP + func.least(PRODUCTS.sold_count, RANK_STEP - 1) + TOP_STEP


def values(reading: Reading, *, every: bool) -> Mapping[str, Any]:
    """What the expressions above take: products with `every` word, or with any of them."""
    typed = [word.exact for word in reading.words]
    all_terms = [word.terms for word in reading.words]
    begin = reading.corrected or reading.phrase
    found = _all(all_terms) if every else _any(term for terms in all_terms for term in terms)
    return {
        "found": found,
        "each": [] if every else [_any(terms) for terms in all_terms],
        "begin": fold(begin),
        "name": _all(typed, NAME),
        "name_or": _all(all_terms, NAME),
        "label": _all(typed, NAME + LABEL),
        "label_or": _all(all_terms, NAME + LABEL),
        "summary": _all(typed, NAME + LABEL + SUMMARY),
        "summary_or": _all(all_terms, NAME + LABEL + SUMMARY),
    }


def _asked_singly(product_id: ColumnElement[Any]) -> Select[tuple[bool]]:
    has_phrase = DOCUMENTS.words.op("@@")(_query("found"))
    return select(has_phrase).where(DOCUMENTS.product_id == product_id)


def _query(parameter: str) -> ColumnElement[Any]:
    return cast(bindparam(parameter), TSQUERY)


def _all(words: Iterable[Iterable[str]], weights: str = "") -> str:
    parts = [_any(terms, weights) for terms in words]
    # A word that nothing is written exactly like makes a query that nothing answers.
    return " & ".join(f"({part})" for part in parts) if all(parts) else ""


def _any(terms: Iterable[str], weights: str = "") -> str:
    suffix = f":{weights}" if weights else ""
    return " | ".join(f"{quoted(term)}{suffix}" for term in dict.fromkeys(terms))
