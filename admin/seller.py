"""Who sells, as it stands on receipts: name, address, tax id, VAT."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.guards import manage_seller
from admin.typed import refusal_values
from storefront.errors import Conflict, DomainError, Invalid
from storefront.hx import render, see_other
from storefront.kit.percent import parse_percent, percent_text
from storefront.receipts import seller as sellers
from storefront.receipts.models import HEAD_OFFICE, STANDARD_VAT, SellerDetails
from storefront.receipts.seller import NEVER_SAVED, SellerDraft, find_seller
from storefront.web import read, shop, visitor

bp = Blueprint("admin_seller", __name__)

_SPACES: Final = re.compile(r"[\s-]+")
_NOT_READABLE: Final = 0


@dataclass(frozen=True, slots=True)
class SellerFields:
    """The form as it was typed."""

    name_th: str = ""
    name_en: str = ""
    address_th: str = ""
    address_en: str = ""
    tax_id: str = ""
    branch: str = HEAD_OFFICE
    phone: str = ""
    email: str = ""
    vat_on: bool = False
    vat_rate: str = percent_text(STANDARD_VAT)
    revision: str = str(NEVER_SAVED)


@bp.get("/admin/settings/seller")
@manage_seller
def show() -> Response:
    """The form, filled with what is saved, or with the shop's name."""
    return _page(_saved_fields())


@bp.post("/admin/settings/seller")
@manage_seller
def change() -> Response:
    """Save; told apart from changes somebody else made meanwhile."""
    fields = _typed_fields()
    revision = int(fields.revision) if fields.revision.isdecimal() else -1
    try:
        with shop().database.transaction() as session:
            sellers.change_seller(session, _draft(fields), revision=revision, actor_id=visitor().id)
    except (Invalid, Conflict) as refusal:
        return _page(fields, refusal=refusal)
    flash(_("Saved. Papers issued from now on carry it."), "success")
    return see_other(url_for("admin_seller.show"))


def _page(fields: SellerFields, *, refusal: DomainError | None = None) -> Response:
    return render(
        "admin/seller/show.html",
        fields=fields,
        is_saved=fields.revision != str(NEVER_SAVED),
        **refusal_values(refusal),
    )


def _saved_fields() -> SellerFields:
    saved = find_seller(read())
    if saved is None:
        name = shop().settings.shop_name
        return SellerFields(name_th=name, name_en=name)
    return _fields_of(saved)


def _fields_of(saved: SellerDetails) -> SellerFields:
    return SellerFields(
        name_th=saved.name_th,
        name_en=saved.name_en,
        address_th=saved.address_th,
        address_en=saved.address_en,
        tax_id=saved.tax_id or "",
        branch=saved.branch,
        phone=saved.phone or "",
        email=saved.email or "",
        vat_on=saved.vat_on,
        vat_rate=percent_text(saved.vat_basis_points),
        revision=str(saved.revision),
    )


def _typed_fields() -> SellerFields:
    return SellerFields(
        name_th=_text("name_th", sellers.LONGEST_NAME),
        name_en=_text("name_en", sellers.LONGEST_NAME),
        address_th=_text("address_th", sellers.LONGEST_ADDRESS),
        address_en=_text("address_en", sellers.LONGEST_ADDRESS),
        tax_id=_text("tax_id", 30),
        branch=_text("branch", 10),
        phone=_text("phone", sellers.LONGEST_PHONE),
        email=_text("email", sellers.LONGEST_EMAIL),
        vat_on=request.form.get("vat_on") == "1",
        vat_rate=_text("vat_rate", 10),
        revision=_text("revision", 10),
    )


def _draft(fields: SellerFields) -> SellerDraft:
    """What was typed. What cannot be read becomes a value the rules refuse at its field; a tax id
    may be typed in the groups in which it is printed."""
    return SellerDraft(
        name_th=fields.name_th,
        name_en=fields.name_en,
        address_th=fields.address_th,
        address_en=fields.address_en,
        tax_id=_SPACES.sub("", fields.tax_id),
        branch=fields.branch or HEAD_OFFICE,
        phone=fields.phone,
        email=fields.email,
        vat_on=fields.vat_on,
        vat_basis_points=parse_percent(fields.vat_rate) or _NOT_READABLE,
    )


def _text(name: str, longest: int) -> str:
    # One character more than allowed is kept, so that too long a text is refused and not cut.
    typed = request.form.get(name, "").replace("\0", "").replace("\r\n", "\n")
    return typed.strip()[: longest + 1]
