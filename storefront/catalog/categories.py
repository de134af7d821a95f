"""Changes to the category tree by staff. Every one writes an audit row in the same transaction
(A2). They wait for each other, so that two moves at once cannot make a circle; a trigger refuses
circles as well."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.editing.rows import constraint_of
from storefront.catalog.editing.rules import is_slug, slug_from
from storefront.catalog.models import Category, Product
from storefront.catalog.search.models import SearchDocument
from storefront.catalog.search.service import enqueue_stale
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id

LONGEST_NAME: Final = 80
LONGEST_SLUG: Final = 60
MOST_CATEGORIES: Final = 200
DEEPEST: Final = 5

# The key by which the trigger locks the tree, too.
_ONE_WRITER: Final = text("SELECT pg_advisory_xact_lock(hashtext('categories'))")
_CODES: Final = {
    "uq_categories_slug": "category_exists",
    "ck_categories_no_circle": "category_circle",
    "ck_categories_not_its_own_parent": "category_circle",
}


@dataclass(frozen=True, slots=True)
class CategoryDraft:
    """A category as staff wrote it down; an empty address is made from the English name."""

    name_th: str
    name_en: str
    slug: str = ""
    parent_id: UUID | None = None


def create_category(session: Session, draft: CategoryDraft, *, actor_id: UUID) -> UUID:
    """A new category, the last among its neighbours; returns its id. Raises what
    `change_category` raises, and Conflict `categories_full`."""
    session.execute(_ONE_WRITER)
    wanted = _tidied(draft)
    tree = _tree(session)
    if len(tree) >= MOST_CATEGORIES:
        raise Conflict("categories_full")
    _check(tree, wanted, None)
    category = Category(id=new_id(), position=_last_place(tree, wanted.parent_id), **_of(wanted))
    try:
        with session.begin_nested():
            session.add(category)
            session.flush()
    except IntegrityError as error:
        raise _refusal(error) from error
    _record(session, category.id, "create_category", actor_id, {}, _of(wanted))
    return category.id


def change_category(
    session: Session, category_id: UUID, draft: CategoryDraft, *, actor_id: UUID
) -> None:
    """Rename or move a category. What is the same already leaves no trace.

    Raises NotFound `category` (also for the parent), Invalid `category_name_missing`,
    `category_name_too_long` or `bad_slug`, Conflict `category_exists`, `category_circle`,
    `category_too_deep`.
    """
    session.execute(_ONE_WRITER)
    tree = _tree(session)
    category = _among(tree, category_id)
    wanted = _tidied(draft)
    before = _facts(category)
    if before == _of(wanted):
        return
    _check(tree, wanted, category_id)
    if wanted.parent_id != category.parent_id:
        category.position = _last_place(tree, wanted.parent_id)
    for name, value in _of(wanted).items():
        setattr(category, name, value)
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError as error:
        raise _refusal(error) from error
    _record(session, category_id, "change_category", actor_id, before, _facts(category))
    _read_again(session, _below(tree, category_id))


def move_up(session: Session, category_id: UUID, *, actor_id: UUID) -> None:
    """Change places with the neighbour before; the first stays. Raises NotFound."""
    _swap(session, category_id, -1, actor_id=actor_id)


def move_down(session: Session, category_id: UUID, *, actor_id: UUID) -> None:
    """Change places with the neighbour after; the last stays. Raises NotFound."""
    _swap(session, category_id, 1, actor_id=actor_id)


def delete_category(session: Session, category_id: UUID, *, actor_id: UUID) -> None:
    """Delete an empty category. Raises NotFound, Conflict `category_not_empty` while products,
    whatever their status, or other categories stand in it."""
    session.execute(_ONE_WRITER)
    category = _among(_tree(session), category_id)
    before = _facts(category)
    try:
        with session.begin_nested():
            session.execute(
                delete(Category)
                .where(Category.id == category_id)
                .execution_options(synchronize_session=False)
            )
    except IntegrityError as error:
        raise Conflict("category_not_empty") from error
    _record(session, category_id, "delete_category", actor_id, before, {})


def _swap(session: Session, category_id: UUID, step: int, *, actor_id: UUID) -> None:
    session.execute(_ONE_WRITER)
    tree = _tree(session)
    category = _among(tree, category_id)
    siblings = [one for one in tree if one.parent_id == category.parent_id]
    place = siblings.index(category)
    if not 0 <= place + step < len(siblings):
        return
    siblings[place], siblings[place + step] = siblings[place + step], siblings[place]
    # Places may be equal or have gaps from earlier times.
    for number, one in enumerate(siblings):
        one.position = number
    session.flush()
    before, after = {"position": place}, {"position": place + step}
    _record(session, category_id, "move_category", actor_id, before, after)


def _check(tree: Sequence[Category], wanted: CategoryDraft, category_id: UUID | None) -> None:
    if not wanted.name_th or not wanted.name_en:
        raise Invalid("category_name_missing")
    if max(len(wanted.name_th), len(wanted.name_en)) > LONGEST_NAME:
        raise Invalid("category_name_too_long")
    if not is_slug(wanted.slug) or len(wanted.slug) > LONGEST_SLUG:
        raise Invalid("bad_slug", wanted.slug[:LONGEST_SLUG])
    if any(one.slug == wanted.slug and one.id != category_id for one in tree):
        raise Conflict("category_exists", wanted.slug)
    if wanted.parent_id is None:
        return
    _among(tree, wanted.parent_id)
    inside = _below(tree, category_id) if category_id else []
    if wanted.parent_id in inside:
        raise Conflict("category_circle")
    height = _height(tree, category_id) if category_id else 1
    if len(_above(tree, wanted.parent_id)) + height > DEEPEST:
        raise Conflict("category_too_deep")


def _tree(session: Session) -> Sequence[Category]:
    return session.scalars(
        select(Category)
        .order_by(Category.position, Category.slug)
        .execution_options(populate_existing=True)
    ).all()


def _among(tree: Sequence[Category], category_id: UUID) -> Category:
    found = next((one for one in tree if one.id == category_id), None)
    if found is None:
        raise NotFound("category")
    return found


def _above(tree: Sequence[Category], category_id: UUID) -> list[UUID]:
    """A category and those it stands in, from the inside out."""
    parents = {one.id: one.parent_id for one in tree}
    found: list[UUID] = []
    here: UUID | None = category_id
    while here is not None and here not in found:
        found.append(here)
        here = parents.get(here)
    return found


def _below(tree: Sequence[Category], category_id: UUID) -> list[UUID]:
    """A category and everything inside it."""
    return [one.id for one in tree if category_id in _above(tree, one.id)]


def _height(tree: Sequence[Category], category_id: UUID) -> int:
    return max(_above(tree, one).index(category_id) + 1 for one in _below(tree, category_id))


def _last_place(tree: Sequence[Category], parent_id: UUID | None) -> int:
    return max((one.position + 1 for one in tree if one.parent_id == parent_id), default=0)


def _tidied(draft: CategoryDraft) -> CategoryDraft:
    name_en = " ".join(draft.name_en.split())
    return CategoryDraft(
        name_th=" ".join(draft.name_th.split()),
        name_en=name_en,
        slug=draft.slug.strip() or slug_from(name_en)[:LONGEST_SLUG].strip("-"),
        parent_id=draft.parent_id,
    )


def _of(draft: CategoryDraft) -> dict[str, Any]:
    return {
        "slug": draft.slug,
        "name_th": draft.name_th,
        "name_en": draft.name_en,
        "parent_id": draft.parent_id,
    }


def _facts(category: Category) -> dict[str, Any]:
    return {name: getattr(category, name) for name in ("slug", "name_th", "name_en", "parent_id")}


def _refusal(error: IntegrityError) -> Exception:
    """What the last line of defence says, in our words."""
    code = _CODES.get(constraint_of(error))
    return error if code is None else Conflict(code)


def _read_again(session: Session, category_ids: Collection[UUID]) -> None:
    """The names of categories are words of the products in them."""
    inside = select(Product.id).where(Product.category_id.in_(category_ids))
    if not session.scalar(select(func.count()).select_from(inside.subquery())):
        return
    session.execute(
        update(SearchDocument)
        .where(SearchDocument.product_id.in_(inside))
        .values(revision=-1)
        .execution_options(synchronize_session=False)
    )
    enqueue_stale(session)


def _record(
    session: Session,
    category_id: UUID,
    action: str,
    actor_id: UUID,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    changes = {
        name: [_plain(before.get(name)), _plain(after.get(name))]
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    }
    record_audit(
        session,
        actor_id=actor_id,
        action=action,
        subject=("category", category_id),
        detail={"changes": changes},
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
