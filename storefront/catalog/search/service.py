"""What other features ask of the index, and the shop's own words. The web imports this; nothing
here cuts Thai."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from storefront.accounts.models import AuditEntry
from storefront.catalog.cards import SHOWN
from storefront.catalog.models import Product
from storefront.catalog.search.models import SearchDocument, SearchWord, WordOrigin
from storefront.catalog.search.text import LONGEST_WORD, clean_phrase, fold, runs
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.outbox import enqueue

LISTED_WORDS: Final = 500


@dataclass(frozen=True, slots=True)
class ShopWord:
    """A word of the shop's dictionary as staff see it."""

    id: UUID
    word: str
    same_as: str | None
    origin: str
    created_at: datetime


def enqueue_indexing(session: Session, product_id: UUID) -> None:
    """Have the index of a product brought up to date after this transaction. To be called by
    whatever changes its texts, its status or its revision; safe to call too often."""
    enqueue(session, "index_product", {"product_id": str(product_id)})


def enqueue_stale(session: Session) -> None:
    """Have every product indexed whose index is older than itself."""
    enqueue(session, "index_stale", {})


def find_stale(session: Session, *, limit: int) -> Sequence[UUID]:
    """Products whose index is older than themselves, or missing, or left over."""
    return session.scalars(_STALE.limit(limit)).all()


def add_word(session: Session, word: str, *, same_as: str, actor_id: UUID) -> UUID:
    """Teach the shop a word, with what may be typed for it; products that hold either are indexed
    anew. A word that was found in a product's name becomes staff's.

    Raises Invalid `bad_search_word` where one of them is not a single word of at most 40 letters
    or both are the same, and Conflict `known_search_word`.
    """
    kept, other = _one_word(word), _one_word(same_as) if same_as.strip() else None
    if kept == other:
        raise Invalid("bad_search_word", kept)
    known = session.scalar(select(SearchWord).where(SearchWord.word == kept).with_for_update())
    if known is not None and known.origin == WordOrigin.STAFF:
        raise Conflict("known_search_word", kept)
    row = known or SearchWord(id=new_id(), word=kept)
    row.same_as, row.origin = other, WordOrigin.STAFF
    session.add(row)
    session.flush()
    _record(session, "add_search_word", row, actor_id)
    _read_again(session, kept, other)
    return row.id


def remove_word(session: Session, word_id: UUID, *, actor_id: UUID) -> None:
    """Make the shop forget a word of staff; products that hold it are indexed anew. Raises
    NotFound, for words met in a product's name as well: they would only be met again."""
    row = session.scalar(
        select(SearchWord)
        .where(SearchWord.id == word_id, SearchWord.origin == WordOrigin.STAFF)
        .with_for_update()
    )
    if row is None:
        raise NotFound("search_word")
    _record(session, "remove_search_word", row, actor_id)
    _read_again(session, row.word, row.same_as)
    session.execute(delete(SearchWord).where(SearchWord.id == word_id))


def list_words(session: Session) -> Sequence[ShopWord]:
    """The newest 500 words of the shop, those of staff first."""
    rows = session.execute(
        select(
            SearchWord.id,
            SearchWord.word,
            SearchWord.same_as,
            SearchWord.origin,
            SearchWord.created_at,
        )
        .order_by(SearchWord.origin.desc(), SearchWord.created_at.desc())
        .limit(LISTED_WORDS)
    )
    return [ShopWord(*row) for row in rows]


def _one_word(text: str) -> str:
    word = fold(clean_phrase(text))
    if runs(word) != [word] or len(word) > LONGEST_WORD:
        raise Invalid("bad_search_word", word[:LONGEST_WORD])
    return word


def _read_again(session: Session, word: str, other: str | None) -> None:
    """Mark what holds one of the words for another reading, and have that done."""
    texts = (
        Product.name_th,
        Product.name_en,
        Product.summary_th,
        Product.summary_en,
        Product.description_th,
        Product.description_en,
        func.array_to_string(Product.tags, " "),
    )
    wanted = [
        func.strpos(func.lower(text), one) > 0 for one in (word, other) if one for text in texts
    ]
    holds = select(Product.id).where(or_(*wanted))
    session.execute(
        update(SearchDocument)
        .where(SearchDocument.product_id.in_(holds))
        .values(revision=-1)
        .execution_options(synchronize_session=False)
    )
    enqueue_stale(session)


def _record(session: Session, action: str, row: SearchWord, actor_id: UUID) -> None:
    session.add(
        AuditEntry(
            id=new_id(),
            actor_id=actor_id,
            action=action,
            subject_type="search_word",
            subject_id=str(row.id),
            detail={"word": row.word, "same_as": row.same_as},
        )
    )


_STALE: Final = (
    select(Product.id)
    .outerjoin(SearchDocument, SearchDocument.product_id == Product.id)
    .where(
        or_(
            SearchDocument.product_id.is_(None) & Product.status.in_(SHOWN),
            SearchDocument.product_id.is_not(None)
            & (Product.status.not_in(SHOWN) | (SearchDocument.revision != Product.revision)),
        )
    )
    .order_by(Product.id)
)
