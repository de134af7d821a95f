"""Tables of receipts: who sells, what was taken and given back, and the numbers of the papers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.db import Base, Identified
from storefront.kit.money import Money

HEAD_OFFICE: Final = "00000"
STANDARD_VAT: Final = 700


class ReceiptKind(StrEnum):
    """What a paper is about: the money of an order, money that went into a wallet before anything
    was bought with it (a top-up, or a payment nothing was open for), or money given back."""

    ORDER = "order"
    ADVANCE = "advance"
    REFUND = "refund"


class Series(StrEnum):
    """Each series counts on its own, from 1 in every year."""

    RECEIPT = "RC"
    CREDIT_NOTE = "CN"


class SellerDetails(Base):
    """Who sells, as it stands on papers from now on: one row, or none for the shop's name alone.

    `branch` is the branch's five digits, 00000 for the head office (Director-General's notice on
    VAT no. 199). The last digit of `tax_id` checks the others.
    """

    __tablename__ = "seller_details"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("btrim(name_th) <> '' AND btrim(name_en) <> ''", name="name"),
        CheckConstraint(
            "tax_id IS NULL OR CASE WHEN tax_id ~ '^[0-9]{13}$' THEN (11 - ("
            + " + ".join(f"substr(tax_id, {n}, 1)::int * {14 - n}" for n in range(1, 13))
            + ") % 11) % 10 = substr(tax_id, 13, 1)::int ELSE false END",
            name="tax_id",
        ),
        CheckConstraint("branch ~ '^[0-9]{5}$'", name="branch"),
        CheckConstraint("vat_basis_points BETWEEN 1 AND 10000", name="vat_basis_points"),
        CheckConstraint("NOT vat_on OR tax_id IS NOT NULL", name="vat_needs_tax_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name_th: Mapped[str] = mapped_column(String(160))
    name_en: Mapped[str] = mapped_column(String(160))
    address_th: Mapped[str] = mapped_column(String(400), default="")
    address_en: Mapped[str] = mapped_column(String(400), default="")
    tax_id: Mapped[str | None] = mapped_column(String(13))
    branch: Mapped[str] = mapped_column(String(5), default=HEAD_OFFICE)
    phone: Mapped[str | None] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(254))
    vat_on: Mapped[bool] = mapped_column(default=False)
    vat_basis_points: Mapped[int] = mapped_column(default=STANDARD_VAT)
    revision: Mapped[int] = mapped_column(default=1, server_default="1")


class Receipt(Identified, Base):
    """A paper about money: written in the transaction that moves the money, numbered right after.

    Everything on it is frozen: buyer, amounts and VAT in columns, seller and lines in `content`
    (see `snapshot`). A trigger refuses to change or delete it; only a number can be set, once, and
    a credit note whose refund the bank sent back can be declared void. A credit note `corrects`
    the receipt of what it gives back.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("series", "year", "number"),
        CheckConstraint(
            "CASE kind"
            " WHEN 'order' THEN order_id IS NOT NULL AND payment_id IS NULL"
            " AND refund_id IS NULL AND corrects_id IS NULL"
            " WHEN 'advance' THEN payment_id IS NOT NULL AND order_id IS NULL"
            " AND refund_id IS NULL AND corrects_id IS NULL"
            " WHEN 'refund' THEN (order_id IS NULL) <> (payment_id IS NULL)"
            " AND refund_id IS NOT NULL AND corrects_id IS NOT NULL"
            " ELSE false END",
            name="subject",
        ),
        CheckConstraint("series = CASE kind WHEN 'refund' THEN 'CN' ELSE 'RC' END", name="series"),
        CheckConstraint(
            "year = date_part('year', timezone('Asia/Bangkok', issued_at))", name="year"
        ),
        CheckConstraint("number > 0 AND (number IS NULL) = (numbered_at IS NULL)", name="number"),
        CheckConstraint("amount_satang > 0", name="amount"),
        CheckConstraint(
            "vat_satang BETWEEN 0 AND amount_satang AND vat_basis_points BETWEEN 0 AND 10000"
            " AND (vat_basis_points > 0 OR vat_satang = 0)"
            " AND (kind <> 'advance' OR vat_basis_points = 0)",
            name="vat",
        ),
        CheckConstraint(
            "(voided_at IS NULL) = (void_reason IS NULL)"
            " AND (voided_at IS NULL OR kind = 'refund')",
            name="void",
        ),
        Index(
            "uq_receipts_order",
            "order_id",
            unique=True,
            postgresql_where=text("kind = 'order'"),
        ),
        Index(
            "uq_receipts_payment",
            "payment_id",
            unique=True,
            postgresql_where=text("kind = 'advance'"),
        ),
        UniqueConstraint("refund_id"),
        Index("ix_receipts_user", "user_id", "id"),
        Index("ix_receipts_order", "order_id"),
        Index("ix_receipts_corrects", "corrects_id"),
        Index("ix_receipts_year", "year", "id"),
        Index("ix_receipts_number", "number"),
        Index(
            "ix_receipts_buyer_email",
            literal_column("lower(buyer_email)").label("buyer"),
            postgresql_ops={"buyer": "text_pattern_ops"},
        ),
        Index(
            "ix_receipts_waiting",
            "series",
            "year",
            "issued_at",
            "id",
            postgresql_where=text("number IS NULL"),
        ),
    )

    kind: Mapped[str] = mapped_column(String(8))
    series: Mapped[str] = mapped_column(String(2))
    year: Mapped[int]
    number: Mapped[int | None]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"))
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("refunds.id"))
    corrects_id: Mapped[UUID | None] = mapped_column(ForeignKey("receipts.id"))
    amount_satang: Mapped[int]
    vat_satang: Mapped[int]
    vat_basis_points: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    buyer_name: Mapped[str] = mapped_column(String(64))
    buyer_email: Mapped[str | None] = mapped_column(String(254))
    content: Mapped[dict[str, Any]]
    issued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    numbered_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None] = mapped_column(String(200))

    corrects: Mapped[Receipt | None] = relationship(lazy="raise", remote_side="Receipt.id")

    @property
    def amount(self) -> Money:
        """What was taken, or given back; VAT is in it."""
        return Money(self.amount_satang, self.currency)

    @property
    def vat(self) -> Money:
        """The VAT in it; zero where none is shown."""
        return Money(self.vat_satang, self.currency)

    @property
    def has_vat(self) -> bool:
        """Whether it is a tax invoice, or a credit note that corrects one."""
        return self.vat_basis_points > 0

    @property
    def reference(self) -> str | None:
        """The number people use, e.g. RC-2026-000001; None until it has one."""
        return reference_of(self.series, self.year, self.number)


class ReceiptCounter(Base):
    """The last number given in a series and year. Numbers are given under the lock of this row,
    so none is left out and none given twice."""

    __tablename__ = "receipt_counters"
    __table_args__ = (CheckConstraint("last_number >= 0", name="last_number"),)

    series: Mapped[str] = mapped_column(String(2), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int] = mapped_column(default=0, server_default="0")


def reference_of(series: str, year: int, number: int | None) -> str | None:
    """A number as people read it; None while there is none."""
    return None if number is None else f"{series}-{year}-{number:06d}"
