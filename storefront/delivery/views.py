"""A member's downloads, and the copies that are made for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, make_response, request, url_for

from storefront.catalog.models import Release
from storefront.delivery import copies, flow, queries
from storefront.delivery.models import CopyState, DownloadMark
from storefront.errors import DomainError, Kind, NotFound
from storefront.hx import is_fragment, render, see_other
from storefront.kit.ids import parse_id
from storefront.messages import message_for
from storefront.web import limiter, member, read, shop, visitor

bp = Blueprint("delivery", __name__)

# Longer than any copy takes while a worker is there.
USUAL: Final = timedelta(seconds=45)


class Stage(StrEnum):
    """What the page of a copy shows."""

    NONE = "none"
    PREPARING = "preparing"
    SLOW = "slow"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class CopyPage:
    """One copy as its owner sees it."""

    stage: Stage
    refusal: str
    copy: DownloadMark | None
    release: Release
    license_id: UUID

    @property
    def is_waiting(self) -> bool:
        """Whether asking again makes sense."""
        return self.stage in (Stage.PREPARING, Stage.SLOW)


@bp.get("/account/downloads")
@member
def index() -> Response:
    """Everything one owns, with its releases, and what one took."""
    session = read()
    return render(
        "storefront/delivery/index.html",
        products=queries.list_downloads(session, visitor().id, now=shop().clock()),
        history=queries.list_history(session, visitor().id),
        most_per_day=copies.MOST_PER_DAY,
    )


@bp.post("/account/licenses/<license_id>/downloads")
@member
@limiter.limit("30 per minute")
def create_link(license_id: str) -> Response:
    """Record a download and go to its signed, short-lived link; have the copy made first where
    there is none.

    Raises NotFound for an unknown licence and for anybody else's, Conflict when the licence or
    the release is not good, DomainError `too_many_downloads`, FilesUnavailable.
    """
    wanted = _wanted(license_id, request.form.get("release_id", ""))
    try:
        link = flow.create_download_link(shop(), wanted, address=request.remote_addr or "")
    except DomainError as refusal:
        if refusal.kind is not Kind.TOO_MANY:
            raise
        shown = _open_copy(wanted, now=shop().clock(), refusal=message_for(refusal))
        return render("storefront/delivery/copy.html", shown=shown, status=refusal.http_status)
    return see_other(link if link is not None else _copy_page(wanted))


@bp.get("/account/licenses/<license_id>/copies/<release_id>")
@member
def show_copy(license_id: str, release_id: str) -> Response:
    """Where the copy stands; polled while it is made, empty as long as nothing changed."""
    wanted = _wanted(license_id, release_id)
    page = _open_copy(wanted, now=shop().clock())
    if is_fragment() and request.args.get("seen") == page.stage:
        return make_response("", 204)
    return render(
        "storefront/delivery/copy.html", partial="storefront/delivery/_copy.html", shown=page
    )


def _open_copy(wanted: flow.Wanted, *, now: datetime, refusal: str = "") -> CopyPage:
    session = read()
    release = copies.find_own_release(
        session,
        license_id=wanted.license_id,
        release_id=wanted.release_id,
        user_id=wanted.user_id,
    )
    copy = copies.find_copy(session, license_id=wanted.license_id, release_id=wanted.release_id)
    try:
        copies.find_open_release(
            session,
            license_id=wanted.license_id,
            release_id=wanted.release_id,
            user_id=wanted.user_id,
            now=now,
        )
    except DomainError as error:
        refusal = message_for(error)
    stage = Stage.CLOSED if refusal else _stage(copy, now)
    return CopyPage(stage, refusal, copy, release, wanted.license_id)


def _stage(copy: DownloadMark | None, now: datetime) -> Stage:
    if copy is None or copy.state == CopyState.GONE:
        return Stage.NONE
    if copy.state == CopyState.FAILED:
        return Stage.FAILED
    if copy.state == CopyState.READY:
        return Stage.READY if copies.can_hand_out(copy, now=now) else Stage.NONE
    is_late = copy.ordered_at is None or copy.ordered_at < now - USUAL
    return Stage.SLOW if is_late else Stage.PREPARING


def _copy_page(wanted: flow.Wanted) -> str:
    return url_for("delivery.show_copy", license_id=wanted.license_id, release_id=wanted.release_id)


def _wanted(license_id: str, release_id: str) -> flow.Wanted:
    license_wanted, release_wanted = parse_id(license_id), parse_id(release_id)
    if license_wanted is None:
        raise NotFound("license")
    if release_wanted is None:
        raise NotFound("file")
    return flow.Wanted(license_wanted, release_wanted, visitor().id)
