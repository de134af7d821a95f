"""The list of licences for staff: found by key, buyer, address, product or order, in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, cast, func, or_, select
from sqlalchemy.dialects.postgresql import CIDR
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.catalog.models import Product, Variant
from storefront.errors import Invalid
from storefront.kit.ids import CROCKFORD, parse_id
from storefront.kit.pages import Page, id_in_cursor, page_by_id
from storefront.licenses.addresses import parse_network
from storefront.licenses.keys import KeyVault, has_good_check, normalize_key
from storefront.licenses.models import (
    License,
    LicenseSource,
    LicenseStatus,
    effective_status,
)
from storefront.licenses.queries import mask_key
from storefront.licenses.usage_models import (
    FlagState,
    LicenseAddress,
    LicenseCheck,
    LicenseFlag,
    LicenseSlot,
    Network,
)
from storefront.orders.models import Order, OrderLine

PAGE_SIZE: Final = 50
EXPIRING_WITHIN: Final = timedelta(days=14)
# A block as wide as a provider would match half the shop.
WIDEST_V4, WIDEST_V6 = 16, 32
MOST_BY_ADDRESS: Final = 500
_HINT_LENGTH: Final = 4


class LicenseTab(StrEnum):
    """How the list is divided. Being expired is a fact of time as well."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    FLAGGED = "flagged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to show; what is left out does not restrict."""

    tab: LicenseTab | None = None
    search: str = ""
    product_id: UUID | None = None
    owner_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StaffLicense:
    """One licence in the list. `servers` is how many hold a slot now."""

    id: UUID
    masked_key: str
    status: LicenseStatus
    name_th: str
    name_en: str
    variant_name_th: str
    variant_name_en: str
    owner: str
    handle: str
    owner_id: UUID
    order_id: UUID | None
    reference: str
    is_giveaway: bool
    slots: int
    servers: int
    created_at: datetime
    expires_at: datetime | None
    is_flagged: bool


def list_staff_licenses(
    session: Session,
    wanted: Wanted,
    *,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[StaffLicense]:
    """One page, newest first, in one query however deep.

    A search is the first four symbols of a key, a buyer (name, Discord id, e-mail), an address or
    block from which somebody runs or asked, or the number of an order or Tebex purchase. A whole
    key is not searched for here: see `find_by_key`.
    """
    query = _rows().where(*_conditions(wanted, now)).order_by(License.id.desc())
    last_id = id_in_cursor(cursor)
    if last_id is not None:
        query = query.where(License.id < last_id)
    rows = [_staff_license(row, now) for row in session.execute(query.limit(limit + 1))]
    return page_by_id(rows, limit, id_of=lambda row: row.id)


def find_staff_licenses(
    session: Session, license_ids: Sequence[UUID], *, now: datetime
) -> Sequence[StaffLicense]:
    """These licences, newest first, in one query; unknown ones are left out."""
    query = _rows().where(License.id.in_(license_ids)).order_by(License.id.desc())
    return [_staff_license(row, now) for row in session.execute(query)]


def find_by_key(session: Session, text: str, *, vault: KeyVault) -> UUID | None:
    """The licence of a whole key, by its hash; None when no licence has it."""
    key_hash = vault.hash_key(text)
    if key_hash is None:
        return None
    return session.scalar(select(License.id).where(License.key_hash == key_hash))


def looks_like_key(text: str) -> bool:
    """Whether somebody most likely meant a whole key: such a text must not come into an address."""
    normal = normalize_key(text)
    return normal is not None and (has_good_check(normal) or text.count("-") == 3)


def list_licensed_products(session: Session) -> Sequence[tuple[UUID, str, str]]:
    """Products for the filter: id and both names."""
    rows = session.execute(
        select(Product.id, Product.name_th, Product.name_en).order_by(Product.name_en).limit(1000)
    )
    return [(row.id, row.name_th, row.name_en) for row in rows]


def read_network(text: str) -> Network | None:
    """The address or block of a search; None for anything else, and for what is wider than half a
    provider."""
    if not any(symbol in text for symbol in ".:"):
        return None
    try:
        network = parse_network(text)
    except Invalid:
        return None
    widest = WIDEST_V4 if network.version == 4 else WIDEST_V6
    return network if network.prefixlen >= widest else None


def _rows() -> Select[*tuple[Any, ...]]:
    servers = select(func.count()).where(LicenseSlot.license_id == License.id).scalar_subquery()
    return (
        select(
            License.id,
            License.key_hint,
            License.status,
            License.slots,
            License.created_at,
            License.expires_at,
            License.source,
            License.source_reference,
            License.user_id,
            Product.name_th,
            Product.name_en,
            Variant.name_th.label("variant_name_th"),
            Variant.name_en.label("variant_name_en"),
            User.display_name,
            User.handle.label("handle"),
            OrderLine.order_id,
            Order.number,
            servers.label("servers"),
            _is_flagged().label("is_flagged"),
        )
        .join(Product, Product.id == License.product_id)
        .join(Variant, Variant.id == License.variant_id)
        .join(User, User.id == License.user_id)
        .outerjoin(OrderLine, OrderLine.id == License.order_line_id)
        .outerjoin(Order, Order.id == OrderLine.order_id)
    )


def _conditions(wanted: Wanted, now: datetime) -> Iterator[ColumnElement[bool]]:
    if wanted.tab is not None:
        yield _in_tab(wanted.tab, now)
    if wanted.product_id is not None:
        yield License.product_id == wanted.product_id
    if wanted.owner_id is not None:
        yield License.user_id == wanted.owner_id
    if wanted.search:
        yield _matches(wanted.search)


def _in_tab(tab: LicenseTab, now: datetime) -> ColumnElement[bool]:
    is_active = License.status == LicenseStatus.ACTIVE
    match tab:
        case LicenseTab.ACTIVE:
            return is_active & (License.expires_at.is_(None) | (License.expires_at > now))
        case LicenseTab.EXPIRING:
            return is_active & License.expires_at.between(now, now + EXPIRING_WITHIN)
        case LicenseTab.EXPIRED:
            return (License.status == LicenseStatus.EXPIRED) | (
                is_active & (License.expires_at <= now)
            )
        case LicenseTab.FLAGGED:
            return _is_flagged()
        case _:
            return License.status == tab.value


def _matches(words: str) -> ColumnElement[bool]:
    network = read_network(words)
    if network is not None:
        return _ran_from(network)
    own_id = parse_id(words)
    if own_id is not None:
        return (License.id == own_id) | (License.user_id == own_id)
    people = select(User.id).where(
        or_(
            User.discord_id == words,
            User.email == words.lower(),
            func.lower(User.username) == words.removeprefix("@").lower(),
            User.display_name.istartswith(words, autoescape=True),
        )
    )
    found = License.user_id.in_(people) | (License.source_reference == words)
    number = words.upper().removeprefix("QR-")
    if number.isascii() and number.isdigit() and len(number) < 16:
        lines = (
            select(OrderLine.id)
            .join(Order, Order.id == OrderLine.order_id)
            .where(Order.number == int(number))
        )
        found |= License.order_line_id.in_(lines)
    hint = _hint_of(words)
    return found | (License.key_hint == hint) if hint else found


def _hint_of(words: str) -> str | None:
    """The first four symbols of a key, read as leniently as a whole one."""
    first = words[:_HINT_LENGTH].upper().replace("O", "0").replace("I", "1").replace("L", "1")
    rest = words[_HINT_LENGTH:].strip("-•. *")
    is_hint = len(first) == _HINT_LENGTH and all(symbol in CROCKFORD for symbol in first)
    return first if is_hint and not rest else None


def _ran_from(network: Network) -> ColumnElement[bool]:
    """Servers that hold a slot there, asked from there in the last 90 days, or are allowed."""
    block = cast(str(network), CIDR)
    checks = (
        select(LicenseCheck.license_id)
        .where(LicenseCheck.address.op("<<=")(block), LicenseCheck.license_id.is_not(None))
        .distinct()
        .limit(MOST_BY_ADDRESS)
    )
    slots = select(LicenseSlot.license_id).where(LicenseSlot.network.op("&&")(block))
    allowed = select(LicenseAddress.license_id).where(LicenseAddress.network.op("&&")(block))
    return or_(License.id.in_(checks), License.id.in_(slots), License.id.in_(allowed))


def _is_flagged() -> ColumnElement[bool]:
    return (
        select(LicenseFlag.id)
        .where(LicenseFlag.license_id == License.id, LicenseFlag.state == FlagState.OPEN)
        .exists()
    )


def _staff_license(row: Any, now: datetime) -> StaffLicense:
    return StaffLicense(
        id=row.id,
        masked_key=mask_key(row.key_hint),
        status=effective_status(row.status, row.expires_at, now=now),
        name_th=row.name_th,
        name_en=row.name_en,
        variant_name_th=row.variant_name_th,
        variant_name_en=row.variant_name_en,
        owner=row.display_name,
        handle=row.handle,
        owner_id=row.user_id,
        order_id=row.order_id,
        reference=_reference(row),
        is_giveaway=row.source == LicenseSource.STAFF,
        slots=row.slots,
        servers=row.servers,
        created_at=row.created_at,
        expires_at=row.expires_at,
        is_flagged=row.is_flagged,
    )


def _reference(row: Any) -> str:
    if row.number:
        return f"QR-{row.number}"
    return row.source_reference if row.source == LicenseSource.TEBEX else ""
