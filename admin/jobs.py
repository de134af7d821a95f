"""The outbox for staff: what waits to be done, what was given up, and once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from admin.filters import asked_choice, asked_text
from admin.guards import manage_jobs, wanted_id
from admin.job_list import JobTab, TaskCount, count_tasks, list_jobs
from admin.payloads import compact_json, masked_emails
from storefront.accounts.service import record_audit
from storefront.errors import Conflict
from storefront.hx import render, see_other
from storefront.messages import message_for
from storefront.outbox import retry_dead_messages, retry_message
from storefront.web import limiter, read, shop, visitor

bp = Blueprint("admin_jobs", __name__)

MOST_AT_ONCE: Final = 200


@bp.get("/admin/jobs")
@manage_jobs
def index() -> Response:
    """Open work, newest first, and how much of it there is by task; tab and task stand in the
    address."""
    tab = asked_choice("state", JobTab) or JobTab.DEAD
    task = asked_text("task")
    now = shop().clock()
    counts = count_tasks(read(), now=now)
    cursor = request.args.get("cursor")
    return render(
        "admin/jobs/index.html",
        found=list_jobs(read(), tab, task=task, cursor=cursor),
        counts=counts,
        due=sum(one.due for one in counts),
        later=sum(one.later for one in counts),
        dead=sum(one.dead for one in counts),
        minutes=_minutes(counts, now),
        tab=tab,
        task=task,
        is_first_page=not cursor,
        compact_json=compact_json,
        masked_emails=masked_emails,
        most=MOST_AT_ONCE,
    )


@bp.post("/admin/jobs/<message_id>/retries")
@manage_jobs
@limiter.limit("60 per minute")
def retry(message_id: str) -> Response:
    """Give one task that was given up all its attempts again."""
    chosen = wanted_id(message_id, "task")
    try:
        with shop().database.transaction() as session:
            message = retry_message(session, chosen)
            record_audit(
                session,
                actor_id=visitor().id,
                action="retry_task",
                subject=("task", chosen),
                detail={"task": message.task},
            )
    except Conflict as refusal:
        flash(message_for(refusal), "error")
    else:
        flash(_("The task runs again in a moment."), "success")
    return see_other(url_for("admin_jobs.index"))


@bp.post("/admin/jobs/retries")
@manage_jobs
@limiter.limit("20 per minute")
def retry_all() -> Response:
    """The same for the oldest 200 that were given up of one task: after an outage, say."""
    task = request.form.get("task", "").replace("\0", "")[:80]
    with shop().database.transaction() as session:
        revived = retry_dead_messages(session, task, limit=MOST_AT_ONCE)
        for message_id in revived:
            record_audit(
                session,
                actor_id=visitor().id,
                action="retry_task",
                subject=("task", message_id),
                detail={"task": task},
            )
    words = "%(num)d task runs again in a moment.", "%(num)d tasks run again in a moment."
    flash(ngettext(*words, len(revived)), "success" if revived else "info")
    return see_other(url_for("admin_jobs.index"))


def _minutes(counts: Sequence[TaskCount], now: datetime) -> int | None:
    """For how many whole minutes the oldest due task waits; None when none is due."""
    oldest = min((one.oldest_at for one in counts if one.oldest_at is not None), default=None)
    return None if oldest is None else int((now - oldest).total_seconds() // 60)
