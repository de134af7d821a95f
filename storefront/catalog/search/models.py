"""Tables of the index: the shop's own words, the vocabulary, and one document per product."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from storefront.db import Base, Identified


class WordOrigin(StrEnum):
    """Who put a word into the shop's dictionary."""

    STAFF = "staff"
    PRODUCT = "product"


class SearchWord(Identified, Base):
    """A word of the shop's own, for cutting Thai texts apart. `same_as` is what shoppers may type
    for it instead; products with either are found by both."""

    __tablename__ = "search_words"
    __table_args__ = (
        CheckConstraint("origin IN ('staff', 'product')", name="origin"),
        CheckConstraint("word <> '' AND same_as <> word", name="word"),
    )

    word: Mapped[str] = mapped_column(String(40, collation="C"), unique=True)
    same_as: Mapped[str | None] = mapped_column(String(40))
    origin: Mapped[str] = mapped_column(String(10), default=WordOrigin.STAFF)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SearchTerm(Base):
    """A word that stands in the index, with the number of products it stands in and of those it
    is a `label` of: a word of their name, tags or features. `bare` is the word without tone marks
    and silent letters."""

    __tablename__ = "search_terms"
    __table_args__ = (
        CheckConstraint("documents >= 0 AND labels >= 0", name="documents"),
        Index("ix_search_terms_bare", "bare"),
    )

    term: Mapped[str] = mapped_column(String(40, collation="C"), primary_key=True)
    bare: Mapped[str] = mapped_column(String(40, collation="C"))
    documents: Mapped[int]
    labels: Mapped[int]


class SearchDocument(Base):
    """The words of one shown product. `revision` is the product's when they were read; -1 asks
    for another reading. `is_top` marks the best sellers, among which common words are ranked.

    `words` are all of them and are only ever looked up through the index; `head` leaves out those
    of the description and is small enough to be read for ranking.
    """

    __tablename__ = "search_documents"
    __table_args__ = (
        # No pending list: what is found must not depend on when the last vacuum was.
        Index(
            "ix_search_documents_words",
            "words",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
        Index(
            "ix_search_documents_top_words",
            "words",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_where=text("is_top"),
        ),
    )

    product_id: Mapped[UUID] = mapped_column(
        ForeignKey("products.id", ondelete="CASCADE"), primary_key=True
    )
    revision: Mapped[int]
    words: Mapped[str] = mapped_column(TSVECTOR())
    head: Mapped[str] = mapped_column(TSVECTOR())
    is_top: Mapped[bool] = mapped_column(server_default="true")
    indexed_at: Mapped[datetime] = mapped_column(server_default=func.now())
