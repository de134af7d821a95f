"""The wallet: pots, top-up, history, and the page people come back to from the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from flask import Blueprint, Response, make_response, request, stream_with_context
from sqlalchemy.orm import Session

from storefront.checkout import flow
from storefront.errors import DomainError, Kind, NotFound
from storefront.hx import is_fragment, render, see_other
from storefront.i18n import current_locale
from storefront.kit.clock import in_shop_zone
from storefront.kit.csv_text import MIMETYPE, csv_lines
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.ledger.models import PostingKind, Pot
from storefront.messages import message_for
from storefront.orders.queries import find_references
from storefront.payments.models import Payment, PaymentPurpose
from storefront.payments.service import find_live_payment
from storefront.payments.views import code_picture
from storefront.wallet import queries
from storefront.wallet.forms import (
    TopUpForm,
    baht_text,
    new_form_key,
    package_value,
    parse_baht,
)
from storefront.wallet.history import (
    HistoryFilter,
    HistoryRow,
    list_history,
    list_months,
    parse_month,
    walk_history,
)
from storefront.wallet.models import TopUp, TopUpPackage, TopUpState
from storefront.wallet.offers import Terms, find_terms, list_packages
from storefront.wallet.rules import reachable_tiers
from storefront.wallet.service import get_topup
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("wallet", __name__)
log = structlog.get_logger()

MOST_EXPORTED: Final = 50_000
_COLUMNS: Final = ("time", "kind", "order", "in_baht", "out_baht", "of_which_bonus", "balance")


@dataclass(frozen=True, slots=True)
class Offers:
    """What the top-up form offers."""

    packages: Sequence[TopUpPackage]
    terms: Terms


@bp.get("/account/wallet")
@member
def show() -> Response:
    """Both pots, the top-up form and what happened. `?amount=` offers what is missing for an
    order as a choice of its own; kind, month and page of the history stand in the address."""
    offers = _offers()
    form = _form(offers, formdata=None, idempotency_key=new_form_key())
    missing = parse_baht(request.args.get("amount", "")[:20])
    if missing is not None:
        # A gap below the smallest top-up is closed by the smallest top-up.
        limits = offers.terms.limits
        form.package.data = baht_text(min(max(missing, limits.least), limits.largest))
    return _wallet_page(form, offers)


@bp.post("/account/wallet/topups")
@member
@limiter.limit("20 per minute")
def top_up() -> Response:
    """Start a top-up and go to the payment page. Sent twice, it starts one."""
    offers = _offers()
    form = _form(offers)
    choice = form.chosen()
    if not form.validate() or choice is None:
        if form.idempotency_key.errors:
            form.idempotency_key.data = new_form_key()
        return _wallet_page(form, offers, status=422)
    try:
        pay_url = flow.start_topup(
            shop(),
            user_id=visitor().id,
            amount=choice.amount,
            package_id=choice.package_id,
            idempotency_key=form.idempotency_key.data or "",
            locale=current_locale(),
            pay_by=form.chosen_way(),
        )
    except DomainError as error:
        if error.kind is not Kind.UNAVAILABLE:
            form.idempotency_key.data = new_form_key()
        return _wallet_page(form, _offers(), status=error.http_status, problem=message_for(error))
    return see_other(pay_url)


@bp.get("/account/wallet/history.csv")
@member
@limiter.limit("20 per minute")
def export() -> Response:
    """The movements that match, as a file for a spreadsheet; at most 50,000, the newest."""
    lines = csv_lines(_COLUMNS, _rows(visitor().id, _wanted()))
    day = in_shop_zone(shop().clock()).date().isoformat()
    response = Response(stream_with_context(lines), mimetype=MIMETYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="wallet-{day}.csv"'
    return response


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
        code=_shown_code(topup),
        balance=queries.find_balance(read(), visitor().id, now=shop().clock()),
    )


@bp.get("/account/wallet/topups/<topup_id>/promptpay.<any(svg, png):kind>")
@member
def promptpay_code(topup_id: str, kind: str) -> Response:
    """The PromptPay code of a top-up that waits for its payment. Not found once it does not."""
    payment = _shown_code(_get_own(topup_id))
    if payment is None or payment.qr_payload is None:
        raise NotFound("page")
    return code_picture(payment.qr_payload, kind)


def _shown_code(topup: TopUp) -> Payment | None:
    """The payment whose code is to be scanned, while there is one."""
    if topup.state != TopUpState.PENDING:
        return None
    payment = find_live_payment(read(), purpose=PaymentPurpose.TOPUP, subject_id=topup.id)
    return payment if payment and payment.qr_payload else None


def _offers() -> Offers:
    return Offers(list_packages(read()), find_terms(read()))


def _form(offers: Offers, **values: Any) -> TopUpForm:
    form = TopUpForm(**values)
    form.limits, form.offered = offers.terms.limits, offers.packages
    return form


def _wallet_page(
    form: TopUpForm, offers: Offers, *, status: int = 200, problem: str | None = None
) -> Response:
    session, user_id, now = read(), visitor().id, shop().clock()
    wanted = _wanted()
    history = list_history(session, user_id, wanted=wanted, cursor=request.args.get("cursor"))
    lots = queries.list_lots(session, user_id, now=now)
    return render(
        "storefront/wallet/show.html",
        status=status,
        form=form,
        problem=problem,
        packages=[(package_value(package), package) for package in offers.packages],
        quick_amounts=form.quick_amounts(),
        limits=offers.terms.limits,
        tiers=reachable_tiers(offers.terms.tiers, offers.terms.limits),
        pots=queries.find_pots(session, user_id, now=now),
        expiring=[lot for lot in lots if lot.pot is Pot.BONUS and lot.expires_at is not None],
        topups=queries.list_topups(session, user_id),
        history=history,
        references=_references(session, history.items),
        wanted=wanted,
        query=_query(wanted),
        kinds=PostingKind,
        months=list_months(session, user_id),
    )


_OF_ORDERS = (
    PostingKind.PURCHASE,
    PostingKind.WALLET_HOLD,
    PostingKind.WALLET_RELEASE,
    PostingKind.REFUND,
)


def _references(session: Session, rows: Sequence[HistoryRow]) -> Mapping[UUID, str]:
    """The order numbers of these movements, by order."""
    about = [row.subject_id for row in rows if row.kind in _OF_ORDERS and row.subject_id]
    return find_references(session, about)


def _wanted() -> HistoryFilter:
    kind = request.args.get("kind", "")
    return HistoryFilter(
        kind=PostingKind(kind) if kind in list(PostingKind) else None,
        month=parse_month(request.args.get("month", "")),
    )


def _query(wanted: HistoryFilter) -> dict[str, str | None]:
    """The filters as they stand in an address; None leaves a name out."""
    return {
        "kind": wanted.kind.value if wanted.kind else None,
        "month": str(wanted.month) if wanted.month else None,
    }


def _rows(user_id: UUID, wanted: HistoryFilter) -> Iterator[list[str]]:
    with shop().database.reading() as session:
        for batch in walk_history(session, user_id, wanted=wanted, most=MOST_EXPORTED):
            references = _references(session, batch)
            for row in batch:
                yield [
                    in_shop_zone(row.posted_at).isoformat(timespec="seconds"),
                    row.kind,
                    references.get(row.subject_id, "") if row.subject_id else "",
                    # Two columns without signs: a cell that begins with a minus is a formula.
                    _exact(row.amount) if row.amount > Money(0) else "",
                    _exact(-row.amount) if row.amount < Money(0) else "",
                    _exact(max(row.bonus, -row.bonus)),
                    _exact(row.balance_after),
                ]


def _exact(amount: Money) -> str:
    """Baht with both decimals, never through a float."""
    return f"{amount.satang // 100}.{amount.satang % 100:02d}"


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
