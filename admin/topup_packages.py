"""What top-ups give, for staff: packages, tiers of bonus on free amounts, limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from admin.guards import manage_topups, wanted_id
from admin.typed import refusal_values, revision_of, typed_text
from storefront.errors import Conflict, DomainError, Invalid
from storefront.hx import render, see_other
from storefront.kit.money import Money
from storefront.kit.percent import parse_percent
from storefront.messages import message_for
from storefront.wallet import packages as offers
from storefront.wallet.forms import baht_text, parse_baht
from storefront.wallet.models import TopUpPackage
from storefront.wallet.offers import (
    find_limits,
    get_package,
    list_all_packages,
    list_tier_rows,
)
from storefront.wallet.packages import OfferRefused, PackageDraft
from storefront.wallet.rules import Limits, Tier
from storefront.web import read, shop, visitor

bp = Blueprint("admin_topup_packages", __name__)

UP, DOWN = "up", "down"
_NOT_READABLE: Final = -1


@dataclass(frozen=True, slots=True)
class PackageFields:
    """The form of a package as it was typed."""

    name_th: str = ""
    name_en: str = ""
    amount: str = ""
    bonus: str = ""
    days: str = ""
    active: bool = True
    revision: str = "1"


@dataclass(frozen=True, slots=True)
class OfferFields:
    """The small forms beside the list as they were typed."""

    tier_least: str = ""
    tier_percent: str = ""
    tier_most: str = ""
    tier_days: str = ""
    least: str = ""
    largest: str = ""


@bp.get("/admin/topup-packages")
@manage_topups
def index() -> Response:
    """Packages in their order, the tiers, the limits."""
    return _index_page()


@bp.get("/admin/topup-packages/new")
@manage_topups
def new() -> Response:
    """An empty form."""
    return _form_page(PackageFields())


@bp.post("/admin/topup-packages")
@manage_topups
def create() -> Response:
    """Offer a further package."""
    fields = _read_fields(request.form)
    try:
        with shop().database.transaction() as session:
            offers.create_package(session, _draft(fields), actor_id=visitor().id)
    except (Invalid, Conflict) as refusal:
        return _form_page(fields, refusal=refusal)
    flash(_("The package is saved."), "success")
    return see_other(url_for("admin_topup_packages.index"))


@bp.get("/admin/topup-packages/<package_id>")
@manage_topups
def edit(package_id: str) -> Response:
    """The form of a package."""
    package = get_package(read(), wanted_id(package_id, "topup_package"))
    return _form_page(_fields_of(package), package_id=package.id)


@bp.post("/admin/topup-packages/<package_id>")
@manage_topups
def change(package_id: str) -> Response:
    """Save a package; told apart from changes somebody else made meanwhile."""
    wanted = wanted_id(package_id, "topup_package")
    fields = _read_fields(request.form)
    revision = revision_of(fields.revision)
    try:
        with shop().database.transaction() as session:
            offers.change_package(
                session, wanted, _draft(fields), revision=revision, actor_id=visitor().id
            )
    except (Invalid, Conflict) as refusal:
        return _form_page(fields, package_id=wanted, refusal=refusal)
    flash(_("The package is saved."), "success")
    return see_other(url_for("admin_topup_packages.index"))


@bp.post("/admin/topup-packages/<package_id>/place")
@manage_topups
def move(package_id: str) -> Response:
    """One place up or down."""
    places = -1 if request.form.get("direction") == UP else 1
    with shop().database.transaction() as session:
        offers.move_package(
            session, wanted_id(package_id, "topup_package"), places=places, actor_id=visitor().id
        )
    return see_other(url_for("admin_topup_packages.index"))


@bp.post("/admin/topup-packages/<package_id>/switch")
@manage_topups
def switch(package_id: str) -> Response:
    """On offer, or not."""
    active = request.form.get("active") == "1"
    with shop().database.transaction() as session:
        offers.switch_package(
            session, wanted_id(package_id, "topup_package"), active=active, actor_id=visitor().id
        )
    flash(_("The package is on offer.") if active else _("The package is off."), "success")
    return see_other(url_for("admin_topup_packages.index"))


@bp.post("/admin/topup-packages/tiers")
@manage_topups
def add_tier() -> Response:
    """A further tier of bonus on free amounts."""
    typed = OfferFields(
        tier_least=_text("tier_least"),
        tier_percent=_text("tier_percent"),
        tier_most=_text("tier_most"),
        tier_days=_text("tier_days"),
    )
    tier = Tier(
        least=_baht(typed.tier_least),
        basis_points=parse_percent(typed.tier_percent) or _NOT_READABLE,
        most=_baht(typed.tier_most) if typed.tier_most else None,
        days=_days(typed.tier_days),
    )
    try:
        with shop().database.transaction() as session:
            offers.add_tier(session, tier, actor_id=visitor().id)
    except (Invalid, Conflict) as refusal:
        return _index_page(typed, refusal=refusal, prefix="tier_")
    flash(_("The tier is saved."), "success")
    return see_other(url_for("admin_topup_packages.index", _anchor="tiers"))


@bp.post("/admin/topup-packages/tiers/<tier_id>/removal")
@manage_topups
def remove_tier(tier_id: str) -> Response:
    """Take a tier away."""
    with shop().database.transaction() as session:
        offers.remove_tier(session, wanted_id(tier_id, "bonus_tier"), actor_id=visitor().id)
    flash(_("The tier is gone."), "success")
    return see_other(url_for("admin_topup_packages.index", _anchor="tiers"))


@bp.post("/admin/topup-packages/limits")
@manage_topups
def change_limits() -> Response:
    """How little and how much a free amount may be."""
    typed = OfferFields(least=_text("least"), largest=_text("largest"))
    try:
        with shop().database.transaction() as session:
            offers.change_limits(
                session,
                Limits(_baht(typed.least), _baht(typed.largest)),
                actor_id=visitor().id,
            )
    except (Invalid, Conflict) as refusal:
        return _index_page(typed, refusal=refusal)
    flash(_("The limits are saved."), "success")
    return see_other(url_for("admin_topup_packages.index", _anchor="limits"))


def _index_page(
    typed: OfferFields | None = None, *, refusal: DomainError | None = None, prefix: str = ""
) -> Response:
    limits = find_limits(read())
    error_at = {}
    if refusal is not None:
        field = refusal.field if isinstance(refusal, OfferRefused) else "least"
        error_at[prefix + field] = message_for(refusal)
    return render(
        "admin/topup_packages/index.html",
        status=refusal.http_status if refusal else 200,
        packages=list_all_packages(read()),
        tiers=list_tier_rows(read()),
        typed=typed or OfferFields(),
        least=typed.least if typed and typed.least else baht_text(limits.least),
        largest=typed.largest if typed and typed.largest else baht_text(limits.largest),
        errors=[(f"field-{field}", text) for field, text in error_at.items()],
        error_at=error_at,
        up=UP,
        down=DOWN,
    )


def _form_page(
    fields: PackageFields,
    *,
    package_id: UUID | None = None,
    refusal: DomainError | None = None,
) -> Response:
    return render(
        "admin/topup_packages/form.html",
        fields=fields,
        package_id=package_id,
        **refusal_values(refusal),
    )


def _read_fields(form: MultiDict[str, str]) -> PackageFields:
    return PackageFields(
        name_th=_text("name_th", 80),
        name_en=_text("name_en", 80),
        amount=_text("amount"),
        bonus=_text("bonus"),
        days=_text("days"),
        active=form.get("active") == "1",
        revision=_text("revision"),
    )


def _fields_of(package: TopUpPackage) -> PackageFields:
    return PackageFields(
        name_th=package.name_th,
        name_en=package.name_en,
        amount=baht_text(package.amount),
        bonus=baht_text(package.bonus),
        days="" if package.bonus_days is None else str(package.bonus_days),
        active=package.active,
        revision=str(package.revision),
    )


def _draft(fields: PackageFields) -> PackageDraft:
    """What was typed. What cannot be read becomes a value the rules refuse at its field."""
    return PackageDraft(
        name_th=fields.name_th,
        name_en=fields.name_en,
        amount=_baht(fields.amount),
        bonus=_baht(fields.bonus) if fields.bonus else Money(0),
        bonus_days=_days(fields.days),
        active=fields.active,
    )


def _text(name: str, longest: int = 20) -> str:
    return typed_text(name, longest)


def _baht(text: str) -> Money:
    amount = parse_baht(text)
    return Money(_NOT_READABLE) if amount is None else amount


def _days(text: str) -> int | None:
    if not text:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) <= 5
    return int(text) if is_number else _NOT_READABLE
