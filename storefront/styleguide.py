"""Every component in every state, in both themes: the page to look at before building one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from flask import Blueprint, Response

from storefront.catalog.cards import Card
from storefront.hx import render
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.web import public

bp = Blueprint("styleguide", __name__)

MOMENT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


@bp.get("/styleguide")
@public
def show() -> Response:
    """The guide; registered outside production only."""
    return render(
        "styleguide/show.html",
        cards=_cards(),
        price=baht(1290),
        original=baht(1690),
        nothing=Money(0),
        events=_events(),
    )


def _cards() -> list[Card]:
    return [
        _card("QR Garage", price=baht(890)),
        _card("QR Dispatch", price=baht(1290), original_price=baht(1690), tiers=2),
        _card("QR Banking", price=baht(890), is_new=True),
        _card("QR Police MDT", price=baht(890), is_sold_out=True),
        _card("QR Racing", price=None, status="coming_soon"),
    ]


def _card(
    name: str,
    *,
    price: Money | None,
    original_price: Money | None = None,
    tiers: int = 1,
    status: str = "published",
    is_sold_out: bool = False,
    is_new: bool = False,
) -> Card:
    return Card(
        id=new_id(),
        slug=name.lower().replace(" ", "-"),
        name_th=name,
        name_en=name,
        summary_th="เก็บรถ เรียกรถ ใช้ร่วมกันในแก๊ง ทำงานเบาและตั้งค่าได้ทุกอย่าง",
        summary_en="Store, call and share vehicles. Light on the server, every option in one file.",
        cover=None,
        frameworks=("esx", "qbcore"),
        status=status,
        published_at=MOMENT,
        variant_id=new_id(),
        price=price,
        original_price=original_price,
        is_sold_out=is_sold_out,
        tiers=tiers,
        is_lowest=True,
        is_new=is_new,
        is_bundle=False,
        flash_ends_at=None,
        flash_units_left=None,
    )


def _events() -> list[SimpleNamespace]:
    steps = (
        ("Order placed", "done", "", ""),
        ("Payment received", "done", "", "PromptPay"),
        ("Preparing your files", "current", "", "This takes a few seconds."),
        ("Ready to download", "todo", "", ""),
    )
    return [
        SimpleNamespace(
            title=title,
            at=None if state == "todo" else MOMENT + timedelta(minutes=number),
            text=text,
            tone=tone,
            state=state,
        )
        for number, (title, state, tone, text) in enumerate(steps)
    ]
