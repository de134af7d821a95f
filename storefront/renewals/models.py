"""Table of what was bought for keys that exist."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified


class ChangeState(StrEnum):
    """held: its order is open, and nobody else may buy for this key. applied: it was delivered,
    once. released: the order came to nothing."""

    HELD = "held"
    APPLIED = "applied"
    RELEASED = "released"


class TermChange(Identified, Base):
    """A renewal or an upgrade of a licence by one order line, once; or its renewal by a payment
    made elsewhere, which `source_reference` names.

    `variant_id`, `slots` and `duration_days` are what was bought. The columns `before_...` are the
    licence's terms that it met; `expected_end` is the end that purchases alone had led to by then:
    what differs between the two, staff had moved by hand. `starts_at` is from when an upgraded
    tier's duration counts. It is in effect while nothing (a refund, a dispute) stands in
    `withdrawn_for`.
    """

    __tablename__ = "license_terms"
    __table_args__ = (
        # One open purchase per key, however many begin at once.
        Index(
            "uq_license_terms_held",
            "license_id",
            unique=True,
            postgresql_where=text("state = 'held'"),
        ),
        UniqueConstraint("license_id", "source_reference"),
        Index(
            "ix_license_terms_reference",
            "source_reference",
            postgresql_where=text("source_reference IS NOT NULL"),
        ),
        Index("ix_license_terms_license", "license_id", "applied_at", "id"),
        CheckConstraint("(order_line_id IS NULL) <> (source_reference IS NULL)", name="one_source"),
        CheckConstraint(
            "source_reference IS NULL OR purpose = 'renew' AND state = 'applied'", name="elsewhere"
        ),
        CheckConstraint("purpose IN ('renew', 'upgrade')", name="purpose"),
        CheckConstraint("state IN ('held', 'applied', 'released')", name="state"),
        CheckConstraint("purpose = 'upgrade' OR duration_days IS NOT NULL", name="renewal_has_end"),
        CheckConstraint(
            "(state = 'applied') = (applied_at IS NOT NULL)"
            " AND (applied_at IS NULL) = (before_variant_id IS NULL)"
            " AND (applied_at IS NULL) = (before_slots IS NULL)"
            " AND (applied_at IS NULL) = (starts_at IS NULL)",
            name="applied",
        ),
        CheckConstraint("state = 'applied' OR withdrawn_for = '{}'", name="withdrawn"),
    )

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    order_line_id: Mapped[UUID | None] = mapped_column(ForeignKey("order_items.id"), unique=True)
    source_reference: Mapped[str | None] = mapped_column(String(120))
    purpose: Mapped[str] = mapped_column(String(7))
    state: Mapped[str] = mapped_column(String(8), default=ChangeState.HELD)
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    slots: Mapped[int]
    duration_days: Mapped[int | None]
    before_variant_id: Mapped[UUID | None] = mapped_column(ForeignKey("variants.id"))
    before_slots: Mapped[int | None]
    before_end: Mapped[datetime | None]
    expected_end: Mapped[datetime | None]
    starts_at: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]
    withdrawn_for: Mapped[list[str]] = mapped_column(
        ARRAY(String(60)), default=list, server_default="{}"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
