"""What stands on a paper and never changes again: written into `receipts.content`, read for good.

The keys are the format of stored papers: new ones may come, none may change its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storefront.kit.money import Money
from storefront.receipts.models import HEAD_OFFICE, SellerDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who sells. Before staff have said so it is the shop's name alone."""

    name_th: str
    name_en: str
    address_th: str = ""
    address_en: str = ""
    tax_id: str | None = None
    branch: str = HEAD_OFFICE
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a paper; what is taken off has a negative amount."""

    name_th: str
    name_en: str
    detail_th: str = ""
    detail_en: str = ""
    quantity: int = 1
    unit: Money
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A paper's frozen part. `seller` is None until it is numbered where staff have not filled in
    who sells. `paid` is what came by which way (balance, stripe, promptpay). Credit notes say why,
    where the money goes (wallet, gateway), and what the receipt was still worth `before`."""

    seller: Seller | None
    lines: Sequence[Line]
    discount: Money
    promo_code: str | None = None
    paid: Sequence[tuple[str, Money]] = ()
    reason: str = ""
    destination: str = ""
    before: Money | None = None


def seller_of(row: SellerDetails) -> Seller:
    """The seller as staff described them."""
    return Seller(
        name_th=row.name_th,
        name_en=row.name_en,
        address_th=row.address_th,
        address_en=row.address_en,
        tax_id=row.tax_id,
        branch=row.branch,
        phone=row.phone,
        email=row.email,
    )


def shop_as_seller(shop_name: str) -> Seller:
    """The seller of a shop whose staff have filled in nothing."""
    return Seller(name_th=shop_name, name_en=shop_name)


def pack_seller(seller: Seller) -> dict[str, Any]:
    """A seller as it is stored."""
    return {
        "name_th": seller.name_th,
        "name_en": seller.name_en,
        "address_th": seller.address_th,
        "address_en": seller.address_en,
        "tax_id": seller.tax_id,
        "branch": seller.branch,
        "phone": seller.phone,
        "email": seller.email,
    }


def pack(content: Content) -> dict[str, Any]:
    """Content as it is stored: amounts in satang of the paper's currency."""
    return {
        "seller": None if content.seller is None else pack_seller(content.seller),
        "lines": [
            {
                "name_th": line.name_th,
                "name_en": line.name_en,
                "detail_th": line.detail_th,
                "detail_en": line.detail_en,
                "quantity": line.quantity,
                "unit_satang": line.unit.satang,
                "amount_satang": line.amount.satang,
            }
            for line in content.lines
        ],
        "discount_satang": content.discount.satang,
        "promo_code": content.promo_code,
        "paid": [[way, amount.satang] for way, amount in content.paid],
        "reason": content.reason,
        "destination": content.destination,
        "before_satang": None if content.before is None else content.before.satang,
    }


def unpack(stored: Mapping[str, Any], *, currency: str) -> Content:
    """Content as it was packed."""
    before = stored.get("before_satang")
    seller = stored.get("seller")
    return Content(
        seller=None if seller is None else Seller(**seller),
        lines=tuple(_line(line, currency) for line in stored["lines"]),
        discount=Money(stored.get("discount_satang", 0), currency),
        promo_code=stored.get("promo_code"),
        paid=tuple((way, Money(satang, currency)) for way, satang in stored.get("paid", ())),
        reason=stored.get("reason", ""),
        destination=stored.get("destination", ""),
        before=None if before is None else Money(before, currency),
    )


def _line(stored: Mapping[str, Any], currency: str) -> Line:
    return Line(
        name_th=stored["name_th"],
        name_en=stored["name_en"],
        detail_th=stored.get("detail_th", ""),
        detail_en=stored.get("detail_en", ""),
        quantity=stored.get("quantity", 1),
        unit=Money(stored["unit_satang"], currency),
        amount=Money(stored["amount_satang"], currency),
    )
