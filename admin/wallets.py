"""Wallets for staff: find a person, see what their pots hold and why, and correct it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from admin.guards import adjust_wallets, wanted_id
from admin.ledger_subjects import name_subjects
from admin.wallet_form import (
    AdjustmentFields,
    FieldError,
    is_confirmed,
    needs_confirmation,
    new_fields,
    read_draft,
    read_fields,
)
from storefront.errors import Conflict, Invalid
from storefront.hx import render, see_other
from storefront.kit.money import Money
from storefront.ledger.models import Pot
from storefront.ledger.queries import list_wallet_postings
from storefront.messages import message_for
from storefront.wallet.adjustments import AdjustmentDraft, adjust_wallet, list_adjustments
from storefront.wallet.forms import new_form_key
from storefront.wallet.people import MOST_FOUND, get_owner, search_wallets
from storefront.wallet.queries import Pots, find_pots, list_lots
from storefront.web import read, shop, visitor

bp = Blueprint("admin_wallets", __name__)

LONGEST_SEARCH = 100


@bp.get("/admin/wallets")
@adjust_wallets
def index() -> Response:
    """People whose wallets match; without a search those that hold most."""
    search = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    return render(
        "admin/wallets/index.html",
        found=search_wallets(read(), search),
        search=search,
        most=MOST_FOUND,
    )


@bp.get("/admin/wallets/<user_id>")
@adjust_wallets
def show(user_id: str) -> Response:
    """One wallet: pots, lots, adjustments, and every posting of the ledger that touched it."""
    return _page(wanted_id(user_id, "user"), new_fields())


@bp.post("/admin/wallets/<user_id>/adjustments")
@adjust_wallets
def adjust(user_id: str) -> Response:
    """Give to a pot or take from it. A large amount is said back first and has to be typed
    again; one form is applied once."""
    owner_id, now = wanted_id(user_id, "user"), shop().clock()
    fields = read_fields(request.form)
    draft, errors = read_draft(fields, now=now)
    if draft is None:
        return _page(owner_id, fields, errors=errors, status=422)
    if not is_confirmed(fields, draft):
        return _page(owner_id, fields, asked=draft, status=422)
    try:
        with shop().database.transaction() as session:
            adjust_wallet(
                session,
                owner_id,
                draft,
                actor_id=visitor().id,
                idempotency_key=fields.key,
                now=now,
            )
    except (Conflict, Invalid) as refusal:
        fresh = replace(fields, key=new_form_key())
        return _page(
            owner_id,
            fresh,
            errors=[("field-amount", message_for(refusal))],
            status=refusal.http_status,
        )
    flash(_("The wallet is changed, and its owner is told."), "success")
    return see_other(url_for("admin_wallets.show", user_id=owner_id))


def _page(
    user_id: UUID,
    fields: AdjustmentFields,
    *,
    errors: list[FieldError] | None = None,
    asked: AdjustmentDraft | None = None,
    status: int = 200,
) -> Response:
    session, now = read(), shop().clock()
    owner = get_owner(session, user_id)
    pots = find_pots(session, user_id, now=now)
    postings = list_wallet_postings(session, user_id, cursor=request.args.get("cursor"))
    return render(
        "admin/wallets/show.html",
        status=status,
        owner=owner,
        pots=pots,
        lots=list_lots(session, user_id, now=now),
        adjustments=list_adjustments(session, user_id),
        postings=postings,
        subjects=name_subjects(session, [row.subject_id for row in postings.items]),
        is_first_page=not request.args.get("cursor"),
        fields=fields,
        errors=errors or [],
        error_at=dict(errors or []),
        asked=asked,
        before=_held(pots, asked) if asked else None,
        repeats=asked is not None and needs_confirmation(asked),
        pot_kinds=Pot,
    )


def _held(pots: Pots, draft: AdjustmentDraft) -> Money:
    return pots.paid if draft.pot is Pot.PAID else pots.bonus
