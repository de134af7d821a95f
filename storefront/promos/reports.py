"""Reads about promo codes for staff: the list, one code, a batch. What codes earned is counted a
floor higher, in `storefront.orders.promo_usage`, because it looks at orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, cast, func, or_, select
from sqlalchemy import String as Text
from sqlalchemy.orm import Session

from storefront.catalog.models import Category, Product
from storefront.errors import NotFound
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page, decode_cursor, encode_cursor
from storefront.promos.models import PromoCode, PromoKind, PromoScope, PromoUse

PAGE_SIZE: Final = 30
MOST_FOUND: Final = 12
MOST_SHELVES: Final = 500
_READ_AT_ONCE: Final = 1_000
_NOT_SHOWN: Final = ("draft", "archived")


class Phase(StrEnum):
    """Where a code stands: the first that is true, from the bottom up. Never stored."""

    ACTIVE = "active"
    PLANNED = "planned"
    USED_UP = "used_up"
    EXPIRED = "expired"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Covered:
    """A product or a category a code covers."""

    id: UUID
    name_th: str
    name_en: str
    is_product: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoRow:
    """A code with its terms, as staff see it. `covered` is empty when it covers everything."""

    id: UUID
    code: str
    note: str
    batch: str | None
    kind: PromoKind
    value: int
    min_subtotal: Money
    max_discount: Money | None
    total_limit: int | None
    per_customer_limit: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    covers_all: bool
    first_purchase_only: bool
    active: bool
    used: int
    revision: int
    created_at: datetime
    phase: Phase
    was_used: bool
    covered: Sequence[Covered]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch in the list: how many codes, and how many of them stand where."""

    name: str
    codes: int
    used: int
    usable: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BatchDetail:
    """A batch: its counts by phase, and one of its codes for the terms all began with."""

    name: str
    codes: int
    counts: Mapping[Phase, int]
    on: int
    was_used: bool
    sample: PromoRow


@dataclass(frozen=True, slots=True)
class BatchCode:
    """A code of a batch for the file, and where it stands."""

    code: str
    phase: Phase
    used: int
    ends_at: datetime | None


def list_promos(
    session: Session,
    phase: Phase,
    *,
    search: str = "",
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[PromoRow]:
    """Codes in a phase, newest first: 2 queries however many. Codes of a batch are found by
    searching only; else they would hide the rest."""
    query = _rows(now).where(_phase_at(now) == phase, *_matches(search))
    last = decode_cursor(cursor, str)
    last_id = parse_id(str(last[0])) if last else None
    if last_id is not None:
        query = query.where(PromoCode.id < last_id)
    found = session.execute(query.order_by(PromoCode.id.desc()).limit(limit + 1)).all()
    shown = found[:limit]
    covered = _covered(session, [row.id for row in shown if not row.covers_all])
    more = encode_cursor(str(shown[-1].id)) if len(found) > limit else None
    return Page([_row(row, covered.get(row.id, ())) for row in shown], more)


def count_promos(session: Session, *, search: str = "", now: datetime) -> dict[Phase, int]:
    """How many codes the list has in each phase."""
    phase = _phase_at(now)
    query = select(phase, func.count()).where(*_matches(search)).group_by(phase)
    return _by_phase(session.execute(query))


def get_promo_row(session: Session, promo_id: UUID, *, now: datetime) -> PromoRow:
    """One code with what it covers: 2 queries. Raises NotFound."""
    row = session.execute(_rows(now).where(PromoCode.id == promo_id)).one_or_none()
    if row is None:
        raise NotFound("promo")
    return _row(row, _covered(session, [row.id]).get(row.id, ()))


def list_batches(
    session: Session, *, search: str = "", now: datetime, cursor: str | None = None
) -> Page[BatchRow]:
    """Batches, newest first; a page is found by the first code of the last one seen."""
    # A batch is written in one go, so its smallest id says when, and no two share one. As text,
    # which sorts alike, because this aggregate does not know uuids.
    first = func.min(cast(PromoCode.id, Text))
    query = (
        select(
            PromoCode.batch,
            first.label("first"),
            func.count().label("codes"),
            func.sum(PromoCode.used).label("used"),
            func.count().filter(_phase_at(now) == Phase.ACTIVE).label("usable"),
            func.min(PromoCode.created_at).label("created_at"),
        )
        .where(PromoCode.batch.is_not(None))
        .group_by(PromoCode.batch)
        .order_by(first.desc())
        .limit(PAGE_SIZE + 1)
    )
    if search:
        query = query.where(PromoCode.batch.icontains(search, autoescape=True))
    last = decode_cursor(cursor, str)
    last_id = parse_id(str(last[0])) if last else None
    if last_id is not None:
        query = query.having(first < str(last_id))
    found = session.execute(query).all()
    shown = found[:PAGE_SIZE]
    more = encode_cursor(shown[-1].first) if len(found) > PAGE_SIZE else None
    rows = [BatchRow(r.batch, r.codes, int(r.used), r.usable, r.created_at) for r in shown]
    return Page(rows, more)


def count_batches(session: Session, *, search: str = "") -> int:
    """How many batches the list has."""
    query = select(func.count(PromoCode.batch.distinct()))
    if search:
        query = query.where(PromoCode.batch.icontains(search, autoescape=True))
    return session.scalar(query) or 0


def get_batch(session: Session, name: str, *, now: datetime) -> BatchDetail:
    """One batch: 4 queries. Raises NotFound."""
    phase = _phase_at(now)
    mine = PromoCode.batch == name
    counted = session.execute(select(phase, func.count()).where(mine).group_by(phase))
    counts = _by_phase(counted)
    if not any(counts.values()):
        raise NotFound("promo_batch")
    sample = session.execute(_rows(now).where(mine).order_by(PromoCode.id).limit(1)).one()
    ids = select(PromoCode.id).where(mine)
    used = select(PromoUse.id).where(PromoUse.promo_id.in_(ids)).exists()
    codes = sum(counts.values())
    return BatchDetail(
        name=name,
        codes=codes,
        counts=counts,
        on=codes - counts[Phase.OFF],
        was_used=bool(session.scalar(select(used))),
        sample=_row(sample, _covered(session, [sample.id]).get(sample.id, ())),
    )


def walk_batch(session: Session, name: str, *, now: datetime) -> Iterator[BatchCode]:
    """All codes of a batch in the order they were made, read a thousand at a time."""
    query = (
        select(
            *(PromoCode.id, PromoCode.code, _phase_at(now).label("phase")),
            *(PromoCode.used, PromoCode.ends_at),
        )
        .where(PromoCode.batch == name)
        .order_by(PromoCode.id)
        .limit(_READ_AT_ONCE)
    )
    rows = session.execute(query).all()
    while rows:
        for row in rows:
            yield BatchCode(row.code, Phase(row.phase), row.used, row.ends_at)
        rows = session.execute(query.where(PromoCode.id > rows[-1].id)).all()


def list_shelves(session: Session) -> list[Covered]:
    """All categories a code may cover, a child after its parent."""
    parent = select(Category.id, Category.position).subquery()
    rows = session.execute(
        select(Category.id, Category.name_th, Category.name_en)
        .outerjoin(parent, parent.c.id == Category.parent_id)
        .order_by(
            func.coalesce(parent.c.position, Category.position),
            func.coalesce(parent.c.id, Category.id),
            Category.parent_id.is_not(None),
            Category.position,
            Category.id,
        )
        .limit(MOST_SHELVES)
    )
    return [Covered(row.id, row.name_th, row.name_en, is_product=False) for row in rows]


def find_products(session: Session, ids: Collection[UUID]) -> list[Covered]:
    """Products by id, in that order; those that are gone are left out."""
    if not ids:
        return []
    rows = session.execute(_products().where(Product.id.in_(ids)))
    found = {row.id: Covered(row.id, row.name_th, row.name_en, is_product=True) for row in rows}
    return [found[one] for one in ids if one in found]


def search_products(session: Session, phrase: str) -> list[Covered]:
    """Up to 12 products on the shelves whose name or address contains the phrase, the most
    bought first."""
    query = (
        _products()
        .where(
            Product.status.not_in(_NOT_SHOWN),
            or_(
                Product.name_th.icontains(phrase, autoescape=True),
                Product.name_en.icontains(phrase, autoescape=True),
                Product.slug.icontains(phrase, autoescape=True),
            ),
        )
        .order_by(Product.sold_count.desc(), Product.id)
        .limit(MOST_FOUND)
    )
    rows = session.execute(query)
    return [Covered(row.id, row.name_th, row.name_en, is_product=True) for row in rows]


def _by_phase(rows: Iterable[Any]) -> dict[Phase, int]:
    counts = {Phase(row[0]): int(row[1]) for row in rows}
    return {one: counts.get(one, 0) for one in Phase}


def _products() -> Select[UUID, str, str]:
    return select(Product.id, Product.name_th, Product.name_en)


def _phase_at(now: datetime) -> ColumnElement[str]:
    return case(
        (PromoCode.active.is_(False), Phase.OFF.value),
        (PromoCode.ends_at <= now, Phase.EXPIRED.value),
        (
            and_(PromoCode.total_limit.is_not(None), PromoCode.used >= PromoCode.total_limit),
            Phase.USED_UP.value,
        ),
        (PromoCode.starts_at > now, Phase.PLANNED.value),
        else_=Phase.ACTIVE.value,
    )


def _matches(search: str) -> list[ColumnElement[bool]]:
    if not search:
        return [PromoCode.batch.is_(None)]
    return [
        or_(
            PromoCode.code.icontains(search, autoescape=True),
            PromoCode.note.icontains(search, autoescape=True),
        )
    ]


def _rows(now: datetime) -> Select[Any]:
    used = select(PromoUse.id).where(PromoUse.promo_id == PromoCode.id).exists()
    return select(*PromoCode.__table__.c, _phase_at(now).label("phase"), used.label("was_used"))


def _row(row: Any, covered: Sequence[Covered]) -> PromoRow:
    maximum = row.max_discount_satang
    return PromoRow(
        id=row.id,
        code=row.code,
        note=row.note,
        batch=row.batch,
        kind=PromoKind(row.kind),
        value=row.value,
        min_subtotal=Money(row.min_subtotal_satang),
        max_discount=None if maximum is None else Money(maximum),
        total_limit=row.total_limit,
        per_customer_limit=row.per_customer_limit,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        covers_all=row.covers_all,
        first_purchase_only=row.first_purchase_only,
        active=row.active,
        used=row.used,
        revision=row.revision,
        created_at=row.created_at,
        phase=Phase(row.phase),
        was_used=row.was_used,
        covered=tuple(covered),
    )


def _covered(session: Session, promo_ids: Collection[UUID]) -> dict[UUID, list[Covered]]:
    """What these codes cover by name: one query."""
    if not promo_ids:
        return {}
    rows = session.execute(
        select(
            PromoScope.promo_id,
            func.coalesce(PromoScope.category_id, PromoScope.product_id).label("id"),
            func.coalesce(Category.name_th, Product.name_th).label("name_th"),
            func.coalesce(Category.name_en, Product.name_en).label("name_en"),
            PromoScope.product_id.is_not(None).label("is_product"),
        )
        .outerjoin(Category, Category.id == PromoScope.category_id)
        .outerjoin(Product, Product.id == PromoScope.product_id)
        .where(PromoScope.promo_id.in_(promo_ids))
        .order_by(PromoScope.id)
    )
    found: dict[UUID, list[Covered]] = {}
    for row in rows:
        one = Covered(row.id, row.name_th, row.name_en, is_product=row.is_product)
        found.setdefault(row.promo_id, []).append(one)
    return found
