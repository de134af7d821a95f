"""Papers in words: everything a page or a PDF shows, in the reader's language, amounts and dates
as texts. Both are drawn from the same sheet, so they cannot say different things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flask_babel import gettext as _

from storefront.i18n import current_locale
from storefront.kit.baht_words import baht_words
from storefront.kit.money import MINOR_UNITS, THB, Money
from storefront.kit.percent import percent_text
from storefront.language import date_text, text_of
from storefront.receipts.models import HEAD_OFFICE, Receipt, ReceiptKind
from storefront.receipts.rules import title_of
from storefront.receipts.snapshot import Content, Line, Seller, shop_as_seller, unpack


@dataclass(frozen=True, slots=True)
class Party:
    """The seller or the buyer."""

    label: str
    name: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what it says."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Sum:
    """One line below the table."""

    label: str
    value: str
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of the table."""

    name: str
    detail: str
    quantity: str
    unit: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A receipt or credit note. `subtitle` is its name in the other language, `void` says why it
    counts no more, `words` is the total in Thai words."""

    locale: str
    title: str
    subtitle: str
    number: str
    void: str
    seller: Party
    buyer: Party
    facts: Sequence[Fact]
    columns: Sequence[str]
    rows: Sequence[SheetRow]
    sums: Sequence[Sum]
    words: str
    notes: Sequence[str]


def sheet_of(receipt: Receipt, *, order_reference: str | None, shop_name: str) -> Sheet:
    """A paper in the language of this request; the one it corrects must be loaded."""
    locale = current_locale()
    content = unpack(receipt.content, currency=receipt.currency)
    kind = ReceiptKind(receipt.kind)
    title = title_of(kind, has_vat=receipt.has_vat)
    is_thai = locale == "th"
    return Sheet(
        locale=locale,
        title=title.th if is_thai else title.en,
        subtitle=title.en if is_thai else title.th,
        number=receipt.reference or "",
        void=_void(receipt),
        seller=seller_party(content.seller or shop_as_seller(shop_name)),
        buyer=Party(
            label=_("Buyer"),
            name=receipt.buyer_name,
            lines=[receipt.buyer_email] if receipt.buyer_email else [],
        ),
        facts=list(_facts(receipt, content, order_reference)),
        columns=[_("Description"), _("Quantity"), _("Unit price"), _("Amount (THB)")],
        rows=[_row(line, locale) for line in content.lines],
        sums=list(_sums(receipt, content)),
        words=baht_words(receipt.amount) if is_thai and receipt.currency == THB else "",
        notes=list(_notes(receipt)),
    )


def sheet_data(sheet: Any) -> dict[str, Any]:
    """A sheet for the press, with the few words that only a PDF needs."""
    return {**asdict(sheet), "page": _("Page"), "made_by": made_by_computer()}


def made_by_computer() -> str:
    """Why nobody has signed it."""
    return str(_("Made by computer; valid without a signature."))


def seller_party(seller: Seller) -> Party:
    """The seller as a block of lines."""
    locale = current_locale()
    lines = str(text_of(seller, "address", locale)).splitlines()
    if seller.tax_id:
        branch = _("head office")
        if seller.branch != HEAD_OFFICE:
            branch = _("branch %(number)s", number=seller.branch)
        lines.append(_("Tax id %(tax_id)s (%(branch)s)", tax_id=seller.tax_id, branch=branch))
    reached = " · ".join(one for one in (seller.phone, seller.email) if one)
    return Party(
        label=_("Seller"),
        name=text_of(seller, "name", locale),
        lines=[line.strip() for line in [*lines, reached] if line.strip()],
    )


def exact(amount: Money) -> str:
    """1,290.50 or −50.00: both decimals, so that columns align."""
    whole, rest = divmod(abs(amount.satang), MINOR_UNITS)
    return ("\u2212" if amount.satang < 0 else "") + f"{whole:,}.{rest:02d}"


def way_name(way: str) -> str:
    """A way to pay in words."""
    names = {"balance": _("Wallet"), "stripe": _("Card"), "promptpay": "PromptPay"}
    return str(names.get(way, way))


def _void(receipt: Receipt) -> str:
    if receipt.voided_at is None:
        return ""
    day = date_text(receipt.voided_at, current_locale())
    return str(_("Void since %(day)s: %(reason)s", day=day, reason=receipt.void_reason or ""))


def _facts(receipt: Receipt, content: Content, order_reference: str | None) -> Iterator[Fact]:
    locale = current_locale()
    yield Fact(_("Date"), date_text(receipt.issued_at, locale))
    if order_reference:
        yield Fact(_("Order"), order_reference)
    if receipt.corrects is not None:
        day = date_text(receipt.corrects.issued_at, locale)
        number = receipt.corrects.reference or ""
        yield Fact(_("Corrects"), _("%(number)s of %(day)s", number=number, day=day))
    if len(content.paid) == 1:
        yield Fact(_("Paid by"), way_name(content.paid[0][0]))
    for way, amount in content.paid if len(content.paid) > 1 else ():
        yield Fact(_("Paid by"), f"{way_name(way)} {exact(amount)}")
    if content.destination:
        back_to = _("wallet") if content.destination == "wallet" else _("the way it was paid")
        yield Fact(_("Given back to"), back_to)
    if content.reason:
        yield Fact(_("Reason"), content.reason)


def _row(line: Line, locale: str) -> SheetRow:
    return SheetRow(
        name=text_of(line, "name", locale),
        detail=text_of(line, "detail", locale),
        quantity=str(line.quantity),
        unit=exact(line.unit),
        amount=exact(line.amount),
    )


def _sums(receipt: Receipt, content: Content) -> Iterator[Sum]:
    if content.discount:
        code = f" {content.promo_code}" if content.promo_code else ""
        yield Sum(_("Items"), exact(receipt.amount + content.discount))
        yield Sum(_("Discount") + code, exact(-content.discount))
    if content.before is not None:
        yield Sum(_("Original value"), exact(content.before))
        yield Sum(_("Correct value"), exact(content.before - receipt.amount))
    if receipt.has_vat:
        rate = percent_text(receipt.vat_basis_points)
        yield Sum(_("Value before VAT"), exact(receipt.amount - receipt.vat))
        yield Sum(_("VAT %(rate)s %%", rate=rate), exact(receipt.vat))
    given_back = receipt.kind == ReceiptKind.REFUND
    yield Sum(
        _("Amount refunded") if given_back else _("Total"), exact(receipt.amount), is_total=True
    )


def _notes(receipt: Receipt) -> Iterator[str]:
    if receipt.kind == ReceiptKind.ADVANCE:
        yield _(
            "Money paid in advance: it is kept in the wallet and can be spent in the shop. This is"
            " no tax invoice; what the money buys has a receipt of its own."
        )
    if receipt.has_vat and receipt.kind == ReceiptKind.ORDER:
        yield _("Prices include VAT.")
