"""Changes of promo codes by staff. Every one writes an audit row in the same transaction (A2).

Each locks the code's row first, as a buyer who reserves a use does, so neither sees the other's
work half done. Nothing here touches `used`, nor what orders got: a use keeps its own discount.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import (
    ARRAY,
    Uuid,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy import String as Text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.models import Category, Product
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.percent import percent_text
from storefront.promos.drafting import (
    DraftRefused,
    Fault,
    Problem,
    PromoDraft,
    Standing,
    draw_code,
    problems_of,
    problems_of_batch,
)
from storefront.promos.models import PromoCode, PromoKind, PromoScope, PromoUse
from storefront.promos.rules import normalize_code

MOST_DRAWS: Final = 5
Facts = dict[str, Any]
DrawCode = Callable[[str], str]


def create_promo(session: Session, draft: PromoDraft, *, actor_id: UUID, now: datetime) -> UUID:
    """Write a new code down; returns its id. It can be used as soon as it is committed.

    Raises DraftRefused with everything that is wrong; a code that exists already is
    `code_taken`, also when two people write it in the same moment.
    """
    problems = problems_of(draft, now=now)
    _refuse([*problems, *_unknown_choices(session, draft)])
    promo_id, code = new_id(), _code_of(draft)
    _claim(session, code)
    session.execute(
        insert(PromoCode).values(id=promo_id, code=code, created_at=now, used=0, **_terms_of(draft))
    )
    _write_scopes(session, [promo_id], draft)
    _audit(session, promo_id, "create_promo", actor_id, {}, _facts(session, promo_id))
    return promo_id


def change_promo(
    session: Session,
    promo_id: UUID,
    draft: PromoDraft,
    *,
    revision: int,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Change a code. Every term may change, of a code that was used as well: orders and open
    payments keep the discount they began with. Its letters stay once it was used, because
    receipts name them, and the total limit never falls below the uses that count.

    Raises NotFound, Conflict `edited_elsewhere` when `revision` is not the one that stands, or
    DraftRefused. Sent twice, the second time is `edited_elsewhere`.
    """
    promo = _lock(session, promo_id)
    if promo.revision != revision:
        raise Conflict("edited_elsewhere", f"promo {promo_id} is at {promo.revision}")
    standing = Standing(promo.code, promo.used, _was_used(session, promo_id), promo.ends_at)
    problems = problems_of(draft, standing=standing, now=now)
    _refuse([*problems, *_unknown_choices(session, draft)])
    code = _code_of(draft)
    if code != promo.code:
        _claim(session, code)
    before = _facts(session, promo_id)
    _update(session, promo, code=code, **_terms_of(draft))
    session.execute(delete(PromoScope).where(PromoScope.promo_id == promo_id))
    _write_scopes(session, [promo_id], draft)
    _audit(session, promo_id, "change_promo", actor_id, before, _facts(session, promo_id))


def switch_promo(session: Session, promo_id: UUID, *, active: bool, actor_id: UUID) -> None:
    """Switch a code on or off. Payments that are open keep it. Idempotent. Raises NotFound."""
    promo = _lock(session, promo_id)
    if promo.active == active:
        return
    _update(session, promo, active=active)
    _audit(session, promo_id, "switch_promo", actor_id, {"active": not active}, {"active": active})


def delete_promo(session: Session, promo_id: UUID, *, actor_id: UUID) -> None:
    """Throw a code away that nobody ever used. Raises NotFound, or Conflict `promo_was_used`:
    orders point at its uses, those given back included."""
    _lock(session, promo_id)
    if _was_used(session, promo_id):
        raise Conflict("promo_was_used")
    before = _facts(session, promo_id)
    session.execute(delete(PromoCode).where(PromoCode.id == promo_id))
    _audit(session, promo_id, "delete_promo", actor_id, before, {})


def generate_batch(
    session: Session,
    template: PromoDraft,
    *,
    batch: str,
    prefix: str,
    count: int,
    actor_id: UUID,
    now: datetime,
    draw: DrawCode = draw_code,
) -> None:
    """Make up to 5,000 codes for one use each, with the terms of the template.

    One statement writes them all; codes that exist already are drawn again, so there are exactly
    `count` new ones or none. Raises DraftRefused: `batch_taken` for a name that is in use, also
    when a form is sent twice at once (a lock on the name), or Conflict `promo_codes_collide`
    when the prefix leaves no room.
    """
    batch, prefix = batch.strip(), prefix.strip().upper()
    problems = problems_of_batch(template, batch=batch, prefix=prefix, count=count, now=now)
    _refuse([*problems, *_unknown_choices(session, template)])
    _lock_batch_name(session, batch)
    if session.scalar(select(exists().where(PromoCode.batch == batch))):
        raise DraftRefused([Problem(Fault.BATCH_TAKEN, "batch")])
    terms = {**_terms_of(template), "total_limit": 1, "batch": batch, "created_at": now, "used": 0}
    written: list[UUID] = []
    for _round in range(MOST_DRAWS):
        codes = {draw(prefix) for _ in range(count - len(written))}
        written += _insert_codes(session, codes, terms)
        if len(written) == count:
            break
    else:
        raise Conflict("promo_codes_collide", f"{len(written)} of {count} under {prefix!r}")
    _write_scopes(session, written, template)
    facts = {**_facts(session, written[0]), "codes": count, "prefix": prefix}
    facts.pop("code")
    _audit_batch(session, batch, "generate_promo_batch", actor_id, facts)


def switch_batch(session: Session, batch: str, *, active: bool, actor_id: UUID) -> int:
    """Switch all codes of a batch on or off; returns how many changed. Idempotent. Raises
    NotFound for a batch that is not there."""
    _lock_batch(session, batch)
    switched = session.scalars(
        update(PromoCode)
        .where(PromoCode.batch == batch, PromoCode.active.is_not(active))
        .values(active=active, revision=PromoCode.revision + 1)
        .returning(PromoCode.id)
        .execution_options(synchronize_session=False)
    ).all()
    if switched:
        facts = {"active": active, "codes": len(switched)}
        _audit_batch(session, batch, "switch_promo_batch", actor_id, facts)
    return len(switched)


def delete_batch(session: Session, batch: str, *, actor_id: UUID) -> int:
    """Throw a whole batch away of which no code was ever used; returns how many went. Raises
    NotFound, or Conflict `promo_was_used`."""
    ids = _lock_batch(session, batch)
    if session.scalar(select(exists().where(PromoUse.promo_id.in_(_ids_of(batch))))):
        raise Conflict("promo_was_used")
    session.execute(delete(PromoCode).where(PromoCode.batch == batch))
    _audit_batch(session, batch, "delete_promo_batch", actor_id, {"codes": ids})
    return ids


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise DraftRefused(problems)


def _lock(session: Session, promo_id: UUID) -> PromoCode:
    promo = session.scalar(
        select(PromoCode)
        .where(PromoCode.id == promo_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if promo is None:
        raise NotFound("promo")
    return promo


def _lock_batch(session: Session, batch: str) -> int:
    """Lock the batch's codes in the order of their ids; how many there are."""
    locked = session.scalars(
        select(PromoCode.id)
        .where(PromoCode.batch == batch)
        .order_by(PromoCode.id)
        .with_for_update()
    ).all()
    if not locked:
        raise NotFound("promo_batch")
    return len(locked)


def _lock_batch_name(session: Session, batch: str) -> None:
    key = func.hashtextextended("promo batch " + batch, 0)
    session.execute(select(func.pg_advisory_xact_lock(key)))


def _was_used(session: Session, promo_id: UUID) -> bool:
    return bool(session.scalar(select(exists().where(PromoUse.promo_id == promo_id))))


def _claim(session: Session, code: str) -> None:
    """Refuse a code another row has. The lock on its letters lets only one of two editors pass
    who choose the same code at once."""
    key = func.hashtextextended("promo code " + code, 0)
    session.execute(select(func.pg_advisory_xact_lock(key)))
    if session.scalar(select(exists().where(PromoCode.code == code))):
        raise DraftRefused([Problem(Fault.CODE_TAKEN, "code")])


def _unknown_choices(session: Session, draft: PromoDraft) -> list[Problem]:
    if draft.covers_all:
        return []
    products = select(func.count()).where(Product.id.in_(draft.product_ids)).scalar_subquery()
    shelves = select(func.count()).where(Category.id.in_(draft.category_ids)).scalar_subquery()
    found = session.execute(select(products, shelves)).one()
    wanted = (len(set(draft.product_ids)), len(set(draft.category_ids)))
    return [] if tuple(found) == wanted else [Problem(Fault.CHOICE_UNKNOWN, "chosen")]


def _code_of(draft: PromoDraft) -> str:
    # Stored the way shoppers' typing is read: a code kept in any other form could not be found.
    code = normalize_code(draft.code)
    if code is None:
        raise DraftRefused([Problem(Fault.CODE_FORM, "code")])
    return code


def _terms_of(draft: PromoDraft) -> dict[str, Any]:
    maximum = draft.max_discount
    return {
        "note": draft.note.strip(),
        "kind": draft.kind.value,
        "value": draft.value,
        "min_subtotal_satang": draft.min_subtotal.satang,
        "max_discount_satang": None if maximum is None else maximum.satang,
        "total_limit": draft.total_limit,
        "per_customer_limit": draft.per_customer_limit,
        "starts_at": draft.starts_at,
        "ends_at": draft.ends_at,
        "covers_all": draft.covers_all,
        "first_purchase_only": draft.first_purchase_only,
        "active": draft.active,
    }


def _update(session: Session, promo: PromoCode, **values: Any) -> None:
    session.execute(
        update(PromoCode)
        .where(PromoCode.id == promo.id)
        .values(**values, revision=PromoCode.revision + 1)
        .execution_options(synchronize_session=False)
    )


def _insert_codes(session: Session, codes: set[str], terms: Mapping[str, Any]) -> list[UUID]:
    """All in one statement whose parameters do not grow with their number; the ids of those
    that were new."""
    rows = func.unnest(
        cast([new_id() for _ in codes], ARRAY(Uuid())), cast(sorted(codes), ARRAY(Text()))
    ).table_valued(column("id", Uuid()), column("code", Text()))
    drawn = rows.render_derived("drawn")
    table = PromoCode.__table__
    values = [literal(value, table.c[name].type) for name, value in terms.items()]
    statement = (
        upsert(PromoCode)
        .from_select(["id", "code", *terms], select(drawn.c.id, drawn.c.code, *values))
        .on_conflict_do_nothing(index_elements=[PromoCode.code])
        .returning(PromoCode.id)
    )
    return list(session.scalars(statement))


def _write_scopes(session: Session, promo_ids: list[UUID], draft: PromoDraft) -> None:
    if draft.covers_all:
        return
    # dict.fromkeys: chosen twice is chosen once.
    products = [(one, None) for one in dict.fromkeys(draft.product_ids)]
    shelves = [(None, one) for one in dict.fromkeys(draft.category_ids)]
    promos = func.unnest(cast(promo_ids, ARRAY(Uuid()))).table_valued(column("id", Uuid()))
    chosen = func.unnest(
        cast([product for product, _ in (*products, *shelves)], ARRAY(Uuid())),
        cast([shelf for _, shelf in (*products, *shelves)], ARRAY(Uuid())),
    ).table_valued(column("product_id", Uuid()), column("category_id", Uuid()))
    promo, choice = promos.render_derived("promo"), chosen.render_derived("choice")
    session.execute(
        insert(PromoScope).from_select(
            ["id", "promo_id", "product_id", "category_id"],
            select(func.uuidv7(), promo.c.id, choice.c.product_id, choice.c.category_id).join_from(
                promo, choice, text("true")
            ),
        )
    )


def _ids_of(batch: str) -> Any:
    return select(PromoCode.id).where(PromoCode.batch == batch)


def _facts(session: Session, promo_id: UUID) -> Facts:
    """The code as the audit keeps it: one flat list of names and values."""
    columns = PromoCode.__table__.c
    left_out = {"id", "used", "revision", "created_at", "value"}
    row = session.execute(select(*columns).where(columns.id == promo_id)).mappings().one()
    facts: Facts = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in left_out and value not in (None, "")
    }
    if row["kind"] == PromoKind.PERCENT:
        facts["percent"] = percent_text(row["value"])
    else:
        facts["amount_satang"] = row["value"]
    names = session.scalars(
        select(func.coalesce(Product.slug, Category.slug))
        .select_from(PromoScope)
        .outerjoin(Product, Product.id == PromoScope.product_id)
        .outerjoin(Category, Category.id == PromoScope.category_id)
        .where(PromoScope.promo_id == promo_id)
        .order_by(PromoScope.id)
    ).all()
    return {**facts, "covers": sorted(names)} if names else facts


def _audit(
    session: Session, promo_id: UUID, action: str, actor_id: UUID, before: Facts, after: Facts
) -> None:
    changes = {
        name: [before.get(name), after.get(name)]
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    }
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("promo", promo_id),
        detail={"changes": changes},
    )


def _audit_batch(session: Session, batch: str, action: str, actor_id: UUID, facts: Facts) -> None:
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        # A batch has no row of its own; its name gives it an id to look its entries up by.
        subject=("promo_batch", uuid5(NAMESPACE_URL, f"promo-batch:{batch}")),
        detail={**facts, "batch": batch},
    )
