"""The wallet: balance, top-up, history, and the page people come back to from the gateway."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, make_response, request

from storefront.checkout import flow
from storefront.errors import DomainError, Kind, NotFound
from storefront.hx import is_fragment, render, see_other
from storefront.i18n import current_locale
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.wallet import queries
from storefront.wallet.forms import TopUpForm, baht_text, new_form_key, parse_baht
from storefront.wallet.models import TopUp, TopUpState
from storefront.wallet.service import LARGEST_TOP_UP, LEAST_TOP_UP, get_topup
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("wallet", __name__)
log = structlog.get_logger()


@bp.get("/account/wallet")
@member
def show() -> Response:
    """Both pots, the top-up form and what happened. `?amount=` offers what is missing for an
    order as a choice of its own."""
    form = TopUpForm(formdata=None, idempotency_key=new_form_key())
    missing = parse_baht(request.args.get("amount", "")[:20])
    if missing is not None:
        # A gap below the smallest top-up is closed by the smallest top-up.
        form.package.data = baht_text(min(max(missing, LEAST_TOP_UP), LARGEST_TOP_UP))
    return _wallet_page(form)


@bp.post("/account/wallet/topups")
@member
@limiter.limit("20 per minute")
def top_up() -> Response:
    """Start a top-up and go to the payment page. Sent twice, it starts one."""
    form = TopUpForm()
    amount = form.chosen_amount()
    if not form.validate() or amount is None:
        if form.idempotency_key.errors:
            form.idempotency_key.data = new_form_key()
        return _wallet_page(form, status=422)
    try:
        pay_url = flow.start_topup(
            shop(),
            user_id=visitor().id,
            amount=amount,
            idempotency_key=form.idempotency_key.data or "",
            locale=current_locale(),
        )
    except DomainError as error:
        if error.kind is not Kind.UNAVAILABLE:
            form.idempotency_key.data = new_form_key()
        return _wallet_page(form, status=error.http_status, problem=message_for(error))
    return see_other(pay_url)


@bp.get("/account/wallet/topups/<topup_id>")
@member
@limiter.limit("60 per minute")
def returned(topup_id: str) -> Response:
    """Where the payment page leads back to. A full load asks the gateway, the poll only us."""
    topup = _get_own(topup_id)
    is_gateway_away = False
    if is_fragment():
        if request.args.get("seen") == topup.state:
            return make_response("", 204)
    elif topup.state == TopUpState.PENDING:
        is_gateway_away = not _ask_gateway(topup)
        topup = _get_own(topup_id)
    return render(
        "storefront/wallet/returned.html",
        partial="storefront/wallet/_topup_status.html",
        topup=topup,
        amount_text=baht_text(topup.amount),
        is_gateway_away=is_gateway_away,
        balance=queries.find_balance(read(), visitor().id),
    )


def _wallet_page(form: TopUpForm, *, status: int = 200, problem: str | None = None) -> Response:
    session, user_id = read(), visitor().id
    return render(
        "storefront/wallet/show.html",
        status=status,
        form=form,
        problem=problem,
        packages=form.packages(),
        least=LEAST_TOP_UP,
        largest=LARGEST_TOP_UP,
        pots=queries.find_pots(session, user_id),
        topups=queries.list_topups(session, user_id),
        history=queries.list_history(session, user_id, cursor=request.args.get("cursor")),
    )


def _get_own(topup_id: str) -> TopUp:
    chosen = parse_id(topup_id)
    if chosen is None:
        raise NotFound("topup")
    # What the gateway just told us was written by another session than the one that reads.
    read().expire_all()
    return get_topup(read(), chosen, user_id=visitor().id)


def _ask_gateway(topup: TopUp) -> bool:
    try:
        flow.refresh_topup(shop(), topup.id)
    except DomainError as error:
        if error.kind is not Kind.UNAVAILABLE:
            raise
        log.info("gateway_away", topup_id=str(topup.id), error=error.code)
        return False
    return True
