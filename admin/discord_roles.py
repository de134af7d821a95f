"""Which purchase gives which Discord role, for staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, flash, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from admin.guards import manage_discord_roles, wanted_id
from admin.typed import refusal_values, revision_of, typed_text
from storefront.catalog.models import Category, Product
from storefront.discord_roles import service
from storefront.discord_roles.models import DiscordRoleRule, Scope
from storefront.discord_roles.queries import count_grants, list_problems, list_rules
from storefront.discord_roles.service import RuleDraft
from storefront.errors import Conflict, DomainError, Invalid, NotFound
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.web import read, shop, visitor

bp = Blueprint("admin_discord_roles", __name__)

_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class RuleFields:
    """The form as it was typed."""

    scope: str = Scope.ANY
    category: str = ""
    product: str = ""
    role_id: str = ""
    name: str = ""
    revision: str = "1"


@bp.get("/admin/discord-roles")
@manage_discord_roles
def index() -> Response:
    """The rules, a form for another, and who lacks a role."""
    return _index_page(RuleFields())


@bp.post("/admin/discord-roles")
@manage_discord_roles
def create() -> Response:
    """Add a rule."""
    fields = _read_fields()
    try:
        with shop().database.transaction() as session:
            service.create_rule(session, _draft(fields), actor_id=visitor().id, now=shop().clock())
    except (Invalid, Conflict) as refusal:
        return _index_page(fields, refusal=refusal)
    flash(_("The rule is saved. Roles follow within a few minutes."), "success")
    return see_other(url_for("admin_discord_roles.index"))


@bp.get("/admin/discord-roles/<rule_id>")
@manage_discord_roles
def edit(rule_id: str) -> Response:
    """The form of a rule."""
    rule = _find(wanted_id(rule_id, "role_rule"))
    return _form_page(_fields_of(rule), rule_id=rule.id)


@bp.post("/admin/discord-roles/<rule_id>")
@manage_discord_roles
def change(rule_id: str) -> Response:
    """Save a rule; told apart from changes somebody else made meanwhile."""
    wanted = wanted_id(rule_id, "role_rule")
    fields = _read_fields()
    try:
        with shop().database.transaction() as session:
            service.change_rule(
                session,
                wanted,
                _draft(fields),
                revision=_revision(fields),
                actor_id=visitor().id,
                now=shop().clock(),
            )
    except (Invalid, Conflict) as refusal:
        return _form_page(fields, rule_id=wanted, refusal=refusal)
    flash(_("The rule is saved. Roles follow within a few minutes."), "success")
    return see_other(url_for("admin_discord_roles.index"))


@bp.post("/admin/discord-roles/<rule_id>/removal")
@manage_discord_roles
def remove(rule_id: str) -> Response:
    """End a rule."""
    with shop().database.transaction() as session:
        service.remove_rule(
            session,
            wanted_id(rule_id, "role_rule"),
            revision=_revision(_read_fields()),
            actor_id=visitor().id,
            now=shop().clock(),
        )
    flash(_("The rule is gone. Roles follow within a few minutes."), "success")
    return see_other(url_for("admin_discord_roles.index"))


def _index_page(fields: RuleFields, *, refusal: DomainError | None = None) -> Response:
    session = read()
    return render(
        "admin/discord_roles/index.html",
        rules=list_rules(session),
        granted=count_grants(session),
        problems=list_problems(session),
        is_set_up=shop().roles is not None,
        **_form_values(fields, refusal),
    )


def _form_page(
    fields: RuleFields, *, rule_id: UUID, refusal: DomainError | None = None
) -> Response:
    return render(
        "admin/discord_roles/form.html",
        rule_id=rule_id,
        **_form_values(fields, refusal),
    )


def _form_values(fields: RuleFields, refusal: DomainError | None) -> dict[str, Any]:
    session = read()
    return {
        "fields": fields,
        "scopes": Scope,
        "categories": session.scalars(select(Category).order_by(Category.slug)).all(),
        "products": session.execute(
            select(Product.id, Product.name_th, Product.name_en).order_by(Product.slug)
        ).all(),
        **refusal_values(refusal),
    }


def _find(rule_id: UUID) -> DiscordRoleRule:
    rule = read().get(DiscordRoleRule, rule_id)
    if rule is None or rule.removed_at is not None:
        raise NotFound("role_rule")
    return rule


def _read_fields() -> RuleFields:
    return RuleFields(
        scope=_text("scope"),
        category=_text("category"),
        product=_text("product"),
        role_id=_text("role_id"),
        name=_text("name"),
        revision=_text("revision"),
    )


def _fields_of(rule: DiscordRoleRule) -> RuleFields:
    return RuleFields(
        scope=rule.scope,
        category=str(rule.category_id or ""),
        product=str(rule.product_id or ""),
        role_id=rule.role_id,
        name=rule.name,
        revision=str(rule.revision),
    )


def _draft(fields: RuleFields) -> RuleDraft:
    """What was typed; an unknown scope is a product that was not chosen."""
    scope = Scope(fields.scope) if fields.scope in list(Scope) else Scope.PRODUCT
    target = {Scope.CATEGORY: fields.category, Scope.PRODUCT: fields.product}.get(scope, "")
    return RuleDraft(
        scope=scope, target_id=parse_id(target), role_id=fields.role_id, name=fields.name
    )


def _revision(fields: RuleFields) -> int:
    return revision_of(fields.revision)


def _text(name: str) -> str:
    return typed_text(name, _LONGEST)
