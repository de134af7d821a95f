"""Wallet statements in words, for the page and for the press alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _

from storefront.accounts.queries import Visitor
from storefront.i18n import current_locale
from storefront.kit.money import Money
from storefront.language import date_text, datetime_text, month_text
from storefront.ledger.models import PostingKind
from storefront.ledger.words import posting_name
from storefront.receipts.sheets import Fact, Party, exact, seller_party
from storefront.receipts.snapshot import Seller
from storefront.wallet.history import Month, month_of
from storefront.wallet.statements import Holding, Movement, Statement


@dataclass(frozen=True, slots=True)
class PotRow:
    """What one pot, or both, held and moved."""

    name: str
    opening: str
    came_in: str
    went_out: str
    closing: str
    is_total: bool


@dataclass(frozen=True, slots=True)
class MovementRow:
    """One movement. `order_id` is the order it belongs to, for a link."""

    at: str
    iso: str
    name: str
    detail: str
    came_in: str
    went_out: str
    balance: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSheet:
    """A statement. `number` is its month, `nothing` what stands there instead of rows."""

    locale: str
    title: str
    subtitle: str
    number: str
    seller: Party
    buyer: Party
    facts: Sequence[Fact]
    pot_columns: Sequence[str]
    pots: Sequence[PotRow]
    columns: Sequence[str]
    rows: Sequence[MovementRow]
    nothing: str
    notes: Sequence[str]


def statement_sheet_of(
    statement: Statement,
    *,
    owner: Visitor,
    seller: Seller,
    references: Mapping[UUID, str],
    now: datetime,
) -> StatementSheet:
    """A statement in the language of this request. `references` are the numbers of orders its
    movements belong to."""
    locale = current_locale()
    month = statement.month
    names = {movement.kind: posting_name(movement.kind) for movement in statement.movements}
    return StatementSheet(
        locale=locale,
        title=_("Wallet statement"),
        subtitle=_period(month, now),
        number=month_text(month.year, month.number, locale),
        seller=seller_party(seller),
        buyer=Party(
            label=_("Wallet of"),
            name=owner.display_name,
            lines=[owner.email] if owner.email else [],
        ),
        facts=[
            Fact(_("Made"), datetime_text(now, locale)),
            Fact(_("Balance before"), exact(statement.opening.total)),
            Fact(_("Balance after"), exact(statement.closing.total)),
        ],
        pot_columns=[_("Amounts in THB"), _("Before"), _("In"), _("Out"), _("After")],
        pots=list(_pots(statement)),
        columns=[_("When"), _("What"), _("In"), _("Out"), _("Balance")],
        rows=[_row(movement, names, references, locale) for movement in statement.movements],
        nothing=_("Nothing moved in this month."),
        notes=[_("Bonus is money the shop gave; it is spent first.")],
    )


def _period(month: Month, now: datetime) -> str:
    locale = current_locale()
    first = date_text(month.start, locale)
    if month == month_of(now):
        today = date_text(now, locale)
        return str(_("%(first)s until today, %(today)s", first=first, today=today))
    return f"{first} – {date_text(month.end - timedelta(days=1), locale)}"


def _pots(statement: Statement) -> Sequence[PotRow]:
    def row(name: str, pick: str, *, is_total: bool = False) -> PotRow:
        held = (statement.opening, statement.came_in, statement.went_out, statement.closing)
        opening, came_in, went_out, closing = (exact(getattr(one, pick)) for one in held)
        return PotRow(name, opening, came_in, went_out, closing, is_total)

    return (
        row(_("Topped up"), "paid"),
        row(_("Bonus"), "bonus"),
        row(_("Both"), "total", is_total=True),
    )


def _row(
    movement: Movement,
    names: Mapping[PostingKind, str],
    references: Mapping[UUID, str],
    locale: str,
) -> MovementRow:
    reference = references.get(movement.subject_id, "") if movement.subject_id else ""
    total = movement.change.total
    is_in = total > Money(0)
    return MovementRow(
        at=datetime_text(movement.posted_at, locale),
        iso=movement.posted_at.isoformat(),
        name=f"{names[movement.kind]} {reference}".strip(),
        detail=_bonus_part(movement.change),
        came_in=exact(total) if is_in else "",
        went_out="" if is_in else exact(-total),
        balance=exact(movement.balance),
        order_id=str(movement.subject_id) if reference else "",
    )


def _bonus_part(change: Holding) -> str:
    if not change.bonus:
        return ""
    if not change.paid:
        return str(_("bonus"))
    amount = exact(max(change.bonus, -change.bonus))
    return str(_("of it bonus %(amount)s", amount=amount))
