"""Who sells, as staff write it: name, address, tax id, VAT. What is issued stays as it is."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Conflict, Invalid
from storefront.kit.money import BASIS_POINTS
from storefront.receipts.models import HEAD_OFFICE, STANDARD_VAT, SellerDetails
from storefront.receipts.rules import is_tax_id

LONGEST_NAME: Final = 160
LONGEST_ADDRESS: Final = 400
LONGEST_PHONE: Final = 40
LONGEST_EMAIL: Final = 254
SELLER_ID: Final = UUID(int=1)
NEVER_SAVED: Final = 0

_BRANCH: Final = re.compile(r"[0-9]{5}", re.ASCII)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()/-]{3,}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerDraft:
    """The seller as staff wrote it; empty texts stand for what is not given."""

    name_th: str
    name_en: str
    address_th: str = ""
    address_en: str = ""
    tax_id: str = ""
    branch: str = HEAD_OFFICE
    phone: str = ""
    email: str = ""
    vat_on: bool = False
    vat_basis_points: int = STANDARD_VAT


class SellerRefused(Invalid):
    """Details that cannot stand on a paper; `field` is where to look."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code, f"{code} at {field}")
        self.field = field


def find_seller(session: Session) -> SellerDetails | None:
    """What staff have written; None before they have."""
    return session.scalar(select(SellerDetails))


def change_seller(session: Session, draft: SellerDraft, *, revision: int, actor_id: UUID) -> None:
    """Save who sells, for papers issued from now on. `revision` is the one that was looked at, 0
    before anything was saved. Locks the row; saving what stands there already changes nothing.
    Raises SellerRefused, Conflict `edited_elsewhere`."""
    _check(draft)
    row = session.scalar(select(SellerDetails).with_for_update())
    if (NEVER_SAVED if row is None else row.revision) != revision:
        raise Conflict("edited_elsewhere", "the seller was saved by somebody else")
    after = {**asdict(draft), "tax_id": draft.tax_id or None}
    after |= {"phone": draft.phone or None, "email": draft.email or None}
    before = {} if row is None else {name: getattr(row, name) for name in after}
    changes = {
        name: [before.get(name), value]
        for name, value in after.items()
        if before.get(name) != value
    }
    if not changes:
        return
    if row is None:
        _insert(session, after)
    else:
        for name in changes:
            setattr(row, name, after[name])
        row.revision += 1
    record_audit(
        session,
        actor_id=actor_id,
        action="change_seller",
        subject=("seller", SELLER_ID),
        detail={"changes": changes},
    )


def _insert(session: Session, values: dict[str, object]) -> None:
    first = session.scalar(
        insert(SellerDetails)
        .values(id=1, **values)
        .on_conflict_do_nothing()
        .returning(SellerDetails.id)
    )
    if first is None:
        raise Conflict("edited_elsewhere", "two people saved the seller for the first time")


def _check(draft: SellerDraft) -> None:
    for field, name in (("name_th", draft.name_th), ("name_en", draft.name_en)):
        if not name.strip() or len(name) > LONGEST_NAME:
            raise SellerRefused("seller_name", field)
    for field, address in (("address_th", draft.address_th), ("address_en", draft.address_en)):
        if len(address) > LONGEST_ADDRESS:
            raise SellerRefused("seller_address", field)
    if draft.tax_id and not is_tax_id(draft.tax_id):
        raise SellerRefused("bad_tax_id", "tax_id")
    if not _BRANCH.fullmatch(draft.branch):
        raise SellerRefused("bad_branch", "branch")
    if draft.phone and (len(draft.phone) > LONGEST_PHONE or not _PHONE.fullmatch(draft.phone)):
        raise SellerRefused("bad_phone", "phone")
    if draft.email and (len(draft.email) > LONGEST_EMAIL or not _EMAIL.fullmatch(draft.email)):
        raise SellerRefused("bad_email", "email")
    if not 1 <= draft.vat_basis_points <= BASIS_POINTS:
        raise SellerRefused("bad_vat_rate", "vat_rate")
    if draft.vat_on and not draft.tax_id:
        raise SellerRefused("vat_needs_tax_id", "tax_id")
