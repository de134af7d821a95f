"""The ledger for staff: every posting with its legs, what one thing caused, and the sums of all
accounts, which come to zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from flask import Blueprint, Response, request, stream_with_context
from sqlalchemy.orm import Session

from admin.filters import asked_choice, asked_day, asked_text
from admin.guards import see_ledger, wanted_id
from admin.ledger_subjects import About, about_subject, find_about, name_subjects
from storefront.hx import render
from storefront.kit.clock import in_shop_zone
from storefront.kit.csv_text import MIMETYPE, csv_lines
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.kit.pages import Page
from storefront.ledger.models import AccountKind, PostingKind
from storefront.ledger.queries import (
    PostingFilter,
    PostingRow,
    get_posting,
    list_postings,
    sum_accounts,
    walk_postings,
)
from storefront.web import limiter, read, shop

bp = Blueprint("admin_ledger", __name__)

MOST_EXPORTED: Final = 50_000
_COLUMNS: Final = (
    *("time", "posting", "kind", "reference", "subject"),
    *("account", "person", "debit_baht", "credit_baht"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands in the address."""

    search: str
    subject: str
    kind: PostingKind | None
    account: AccountKind | None
    day: date | None

    @property
    def query(self) -> dict[str, Any]:
        """The same for another address; None leaves a name out."""
        return {
            "q": self.search or None,
            "subject": self.subject or None,
            "kind": self.kind.value if self.kind else None,
            "account": self.account.value if self.account else None,
            "day": self.day,
        }


@bp.get("/admin/ledger")
@see_ledger
def index() -> Response:
    """Postings, newest first; filters and page stand in the address. `?subject=` shows everything
    about one order, top-up, payment or person. What is filtered comes with its sums."""
    session, asked = read(), _asked()
    about = _about(session, asked)
    found: Page[PostingRow] = Page((), None)
    if about is not None:
        found = list_postings(session, about.postings, cursor=request.args.get("cursor"))
    is_filtered = any(asked.query.values())
    return render(
        "admin/ledger/index.html",
        found=found,
        subjects=name_subjects(session, [row.subject_id for row in found.items]),
        subject=about.subject if about else None,
        sums=sum_accounts(session, about.postings) if about and is_filtered else None,
        asked=asked,
        is_filtered=is_filtered,
        is_first_page=not request.args.get("cursor"),
        kinds=PostingKind,
        accounts=AccountKind,
    )


@bp.get("/admin/ledger/accounts")
@see_ledger
def accounts() -> Response:
    """What every kind of account holds, and that together it is nothing."""
    return render("admin/ledger/accounts.html", sums=sum_accounts(read()), at=shop().clock())


@bp.get("/admin/ledger/<posting_id>")
@see_ledger
def show(posting_id: str) -> Response:
    """One posting."""
    posting = get_posting(read(), wanted_id(posting_id, "posting"))
    subjects = name_subjects(read(), [posting.subject_id])
    return render("admin/ledger/show.html", posting=posting, subjects=subjects)


@bp.get("/admin/ledger.csv")
@see_ledger
@limiter.limit("20 per minute")
def export() -> Response:
    """The postings that match, a line for each leg, as a file for a spreadsheet; at most 50,000
    postings, the newest."""
    lines = csv_lines(_COLUMNS, _lines(_asked()))
    day = in_shop_zone(shop().clock()).date().isoformat()
    response = Response(stream_with_context(lines), mimetype=MIMETYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="ledger-{day}.csv"'
    return response


def _asked() -> Asked:
    return Asked(
        search=asked_text("q"),
        subject=asked_text("subject"),
        kind=asked_choice("kind", PostingKind),
        account=asked_choice("account", AccountKind),
        day=asked_day("day"),
    )


def _about(session: Session, asked: Asked) -> About | None:
    """Which postings are meant; None where nothing can match."""
    about: About | None = About(PostingFilter())
    if asked.subject:
        subject_id = parse_id(asked.subject)
        about = about_subject(session, subject_id) if subject_id else None
    elif asked.search:
        about = find_about(session, asked.search)
    if about is None:
        return None
    postings = replace(about.postings, kind=asked.kind, account=asked.account, day=asked.day)
    return replace(about, postings=postings)


def _lines(asked: Asked) -> Iterator[list[str]]:
    with shop().database.reading() as session:
        about = _about(session, asked)
        if about is None:
            return
        for row in walk_postings(session, about.postings, most=MOST_EXPORTED):
            for entry in row.entries:
                yield [
                    in_shop_zone(row.posted_at).isoformat(timespec="seconds"),
                    str(row.id),
                    row.kind,
                    row.reference,
                    str(row.subject_id or ""),
                    entry.account,
                    (entry.owner_name or "").removeprefix("@"),
                    # Two columns without signs: a cell that begins with a minus is a formula.
                    _exact(-entry.amount) if entry.amount < Money(0) else "",
                    _exact(entry.amount) if entry.amount > Money(0) else "",
                ]


def _exact(amount: Money) -> str:
    """Baht with both decimals, never through a float."""
    return f"{amount.satang // 100}.{amount.satang % 100:02d}"
