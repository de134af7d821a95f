"""What was bought at Tebex, for staff: purchases, what packages mean here, and help for buyers."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from admin.filters import asked_choice, asked_text
from admin.guards import manage_licenses, see_licenses, wanted_id
from storefront.accounts.service import record_audit
from storefront.errors import Conflict, Invalid, NotFound
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.tebex.mailing import queue_claim_mail
from storefront.tebex.packages import forget_package, map_package
from storefront.tebex.panels import (
    PurchaseTab,
    list_packages,
    list_purchases,
    list_tiers,
    list_unknown,
    open_purchase,
)
from storefront.tebex.rules import MAIL_PAUSE
from storefront.tebex.service import apply_again, is_claimable, lock_purchase
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_tebex", __name__)


@bp.get("/admin/tebex")
@see_licenses
def index() -> Response:
    """Every purchase, newest first; tab, search and page stand in the address."""
    tab, search = asked_choice("state", PurchaseTab), asked_text("q")
    cursor = request.args.get("cursor")
    return render(
        "admin/tebex/index.html",
        found=list_purchases(read(), tab=tab, search=search, cursor=cursor),
        unknown=list_unknown(read()),
        is_on=bool(shop().settings.tebex_webhook_secrets),
        tabs=PurchaseTab,
        tab=tab,
        search=search,
        is_first_page=not cursor,
    )


@bp.get("/admin/tebex/packages")
@see_licenses
def packages() -> Response:
    """Which package is which tier; a package that is asked for stands in the form."""
    return _packages_page(asked_text("package", longest=40))


@bp.post("/admin/tebex/packages")
@manage_licenses
def map_one() -> Response:
    """Say which tier a package is. What waited for it is delivered in a moment."""
    package_id = request.form.get("package", "").replace("\0", "").strip()[:60]
    variant_id = parse_id(request.form.get("variant", ""))
    try:
        if variant_id is None:
            raise NotFound("variant")
        with shop().database.transaction() as session:
            waiting = map_package(session, package_id, variant_id=variant_id, actor_id=visitor().id)
    except (Invalid, NotFound) as refusal:
        return _packages_page(package_id, problem=message_for(refusal))
    flash(_("Package %(package)s is saved.", package=package_id), "success")
    if waiting:
        said = ngettext(
            "%(num)d purchase waited for it and is delivered in a moment.",
            "%(num)d purchases waited for it and are delivered in a moment.",
            waiting,
        )
        flash(said, "info")
    return see_other(url_for("admin_tebex.packages"))


@bp.post("/admin/tebex/packages/<row_id>/removal")
@manage_licenses
def forget_one(row_id: str) -> Response:
    """A package means nothing here any more."""
    with shop().database.transaction() as session:
        forget_package(session, wanted_id(row_id, "tebex_package"), actor_id=visitor().id)
    flash(_("New purchases of that package wait for you to say what it is."), "success")
    return see_other(url_for("admin_tebex.packages"))


@bp.get("/admin/tebex/<purchase_id>")
@see_licenses
def show(purchase_id: str) -> Response:
    """One purchase: what was bought, who has it, its keys, what Tebex said."""
    dossier = open_purchase(read(), wanted_id(purchase_id, "tebex_purchase"))
    return render(
        "admin/tebex/show.html",
        dossier=dossier,
        purchase=dossier.purchase,
        is_claimable=is_claimable(dossier.purchase),
    )


@bp.post("/admin/tebex/<purchase_id>/mails")
@manage_licenses
@limiter.limit("30 per minute")
def mail(purchase_id: str) -> Response:
    """Send the claim links of its address once more, at most one mail in five minutes."""
    chosen = wanted_id(purchase_id, "tebex_purchase")
    with shop().database.transaction() as session:
        purchase = lock_purchase(session, chosen)
        if not is_claimable(purchase) or purchase.email is None:
            raise Conflict("tebex_no_mail", f"{chosen} has nothing to claim, or no address")
        queue_claim_mail(
            session,
            purchase.email,
            locale=purchase.locale,
            now=shop().clock(),
            pause=MAIL_PAUSE,
        )
        record_audit(
            session,
            actor_id=visitor().id,
            action="mail_tebex_claim",
            subject=("tebex_purchase", chosen),
        )
    flash(_("The mail goes out in a moment, unless one went out within five minutes."), "success")
    return see_other(url_for("admin_tebex.show", purchase_id=chosen))


@bp.post("/admin/tebex/<purchase_id>/deliveries")
@manage_licenses
def deliver(purchase_id: str) -> Response:
    """Make the keys that are missing. Harmless any number of times."""
    chosen = wanted_id(purchase_id, "tebex_purchase")
    with shop().database.transaction() as session:
        made = apply_again(session, chosen, vault=shop().vault, now=shop().clock())
        record_audit(
            session,
            actor_id=visitor().id,
            action="deliver_tebex_purchase",
            subject=("tebex_purchase", chosen),
            detail={"keys": made},
        )
    flash(
        ngettext("%(num)d key was made.", "%(num)d keys were made.", made)
        if made
        else _("No key was missing."),
        "success",
    )
    return see_other(url_for("admin_tebex.show", purchase_id=chosen))


def _packages_page(package_id: str, *, problem: str = "") -> Response:
    return render(
        "admin/tebex/packages.html",
        status=422 if problem else 200,
        packages=list_packages(read()),
        unknown=list_unknown(read()),
        tiers=list_tiers(read()),
        package_id=package_id,
        chosen=request.form.get("variant", ""),
        problem=problem,
    )
