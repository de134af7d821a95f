"""The work of the shop in the back office: what waits, what was given up, and once more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from admin.job_list import count_tasks
from jobs.outbox import sweep_outbox
from storefront.accounts.models import AuditEntry, Role
from storefront.bootstrap import Shop
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.outbox import (
    MAX_ATTEMPTS,
    MessageState,
    OutboxMessage,
    claim_message,
    enqueue,
    fail_message,
    retry_dead_messages,
    retry_message,
)
from tests.admin.money_stories import read
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

LIST = "/en/admin/jobs"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000001"


def write(shop: Shop, task: str = "send_mail", **payload: Any) -> UUID:
    """Work that waits."""
    with shop.database.transaction() as session:
        message_id = enqueue(session, task, payload or {"subject_id": str(new_id())})
    assert message_id is not None
    return message_id


def given_up(shop: Shop, task: str = "send_mail", error: str = "MailUnavailable: no") -> UUID:
    """Work whose attempts are used up."""
    message_id = write(shop, task)
    with shop.database.transaction() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == message_id)
            .values(
                state=MessageState.DEAD,
                attempts=MAX_ATTEMPTS,
                last_error=error,
                finished_at=shop.clock(),
            )
        )
    return message_id


def state_of(shop: Shop, message_id: UUID) -> tuple[str, int]:
    message = read(shop, OutboxMessage, message_id)
    return message.state, message.attempts


def audited(shop: Shop) -> list[tuple[str, str]]:
    with shop.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "retry_task"))
        return [(entry.subject_id, entry.detail["task"]) for entry in entries]


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MODERATOR])
def test_only_admins_find_the_jobs(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn, role: Role
) -> None:
    message_id = given_up(shop)
    sign_in(client, make.user(role=role))

    assert client.get(LIST).status_code == 404
    assert client.post(f"{LIST}/{message_id}/retries").status_code == 404
    assert client.post(f"{LIST}/retries", data={"task": "send_mail"}).status_code == 404
    assert state_of(shop, message_id) == (MessageState.DEAD, MAX_ATTEMPTS)


@pytest.mark.parametrize("message_id", ["1", "abc", "0" * 300, "%00", UNKNOWN_ID])
def test_an_unknown_or_malformed_task_is_not_found(staff: FlaskClient, message_id: str) -> None:
    assert staff.post(f"{LIST}/{message_id}/retries").status_code == 404


def test_the_page_shows_what_was_given_up_and_why(staff: FlaskClient, shop: Shop) -> None:
    given_up(shop, error="MailRefused: <ploy@example.com> is unknown")
    write(shop, "index_product", product_id="p-1")

    page = staff.get(LIST)
    text = text_of_page(page)

    assert "Given up 1" in text
    assert "Due now 1" in text
    assert "MailRefused: <p•••@example.com> is unknown" in text
    assert str(MAX_ATTEMPTS) in text
    assert '"product_id": "p-1"' not in text
    waiting = text_of_page(staff.get(f"{LIST}?state=pending"))
    assert '"product_id": "p-1"' in waiting
    assert "MailRefused" not in waiting


def test_states_without_work_are_told_apart(staff: FlaskClient, shop: Shop) -> None:
    assert "Nothing was given up" in staff.get(LIST).text
    assert "Nothing waits" in staff.get(f"{LIST}?state=pending").text
    given_up(shop)
    assert "No job matches" in staff.get(f"{LIST}?task=nothing").text


@pytest.mark.parametrize("name", ["state", "task", "cursor"])
def test_hostile_words_break_nothing(staff: FlaskClient, shop: Shop, name: str) -> None:
    given_up(shop)

    for text in ("%", "'; --", "\\", "🦊", "x" * 10_000, "\0"):
        assert staff.get(LIST, query_string={name: text}).status_code == 200, text
        sent = staff.post(f"{LIST}/retries", data={name: text})
        assert sent.status_code == 303
    assert audited(shop) == []


def test_work_is_counted_by_task_and_by_when_it_is_due(shop: Shop) -> None:
    now = shop.clock()
    given_up(shop)
    for minutes in (3, 9):
        message_id = write(shop)
        with shop.database.transaction() as session:
            late = now - timedelta(minutes=minutes)
            session.get_one(OutboxMessage, message_id).available_at = late
    with shop.database.transaction() as session:
        enqueue(session, "forget_picture", {}, not_before=now + timedelta(days=1))

    with shop.database.reading() as session:
        mail, picture = count_tasks(session, now=now)

    assert (mail.task, mail.due, mail.later, mail.dead) == ("send_mail", 2, 0, 1)
    assert mail.oldest_at == now - timedelta(minutes=9)
    assert (picture.due, picture.later, picture.dead) == (0, 1, 0)
    assert picture.oldest_at is None


def test_the_age_of_the_oldest_is_shown(staff: FlaskClient, shop: Shop) -> None:
    message_id = write(shop)
    with shop.database.transaction() as session:
        message = session.get_one(OutboxMessage, message_id)
        message.available_at = shop.clock() - timedelta(minutes=9, seconds=30)

    assert "the oldest for 9 minutes" in text_of_page(staff.get(LIST))


def test_a_task_that_was_given_up_runs_again(staff: FlaskClient, shop: Shop) -> None:
    message_id = given_up(shop, "index_stale")

    answer = submit(staff, staff.get(LIST), "/retries")

    assert answer.status_code == 303
    assert state_of(shop, message_id) == (MessageState.PENDING, 0)
    assert audited(shop) == [(str(message_id), "index_stale")]
    assert "The task runs again in a moment." in text_of_page(staff.get(LIST))
    assert sweep_outbox(shop, overdue=timedelta(0)) == 1
    assert state_of(shop, message_id) == (MessageState.DONE, 1)
    text = text_of_page(staff.get("/en/admin/audit"))
    assert "Had a task run again" in text


def test_a_task_that_waits_or_is_done_is_not_run_once_more(staff: FlaskClient, shop: Shop) -> None:
    message_id = given_up(shop, "index_stale")
    staff.post(f"{LIST}/{message_id}/retries")

    staff.post(f"{LIST}/{message_id}/retries")

    assert "This task was not given up" in text_of_page(staff.get(LIST))
    assert len(audited(shop)) == 1
    sweep_outbox(shop, overdue=timedelta(0))
    staff.post(f"{LIST}/{message_id}/retries")
    assert state_of(shop, message_id) == (MessageState.DONE, 1)


def test_all_that_was_given_up_of_one_task_runs_again(staff: FlaskClient, shop: Shop) -> None:
    mails = [given_up(shop) for _ in range(3)]
    other = given_up(shop, "draw_share_card")
    waiting = write(shop)
    page = staff.get(LIST)
    assert "Run 3 again" in text_of_page(page)

    answer = staff.post(f"{LIST}/retries", data={"task": "send_mail"})

    assert "3 tasks run again in a moment." in text_of_page(staff.get(answer.location))
    assert {state_of(shop, one) for one in (*mails, waiting)} == {(MessageState.PENDING, 0)}
    assert state_of(shop, other)[0] == MessageState.DEAD
    assert {subject for subject, _ in audited(shop)} == {str(one) for one in mails}


def test_only_so_many_run_again_at_once_the_oldest_first(shop: Shop) -> None:
    mails = [given_up(shop) for _ in range(3)]

    with shop.database.transaction() as session:
        revived = retry_dead_messages(session, "send_mail", limit=2)

    assert revived == mails[:2]


def test_who_held_a_message_before_it_was_given_up_cannot_report_any_more(shop: Shop) -> None:
    """A worker that was slow beyond all patience must not undo the new attempt."""
    message_id = write(shop)
    with shop.database.transaction() as session:
        claim = claim_message(session, message_id)
        assert claim is not None
        session.get_one(OutboxMessage, message_id).state = MessageState.DEAD
    with shop.database.transaction() as session:
        retry_message(session, message_id)

    with shop.database.transaction() as session:
        assert not fail_message(session, claim, "too late")

    assert state_of(shop, message_id) == (MessageState.PENDING, 0)


def test_what_is_unknown_or_alive_is_refused(shop: Shop) -> None:
    message_id = write(shop)

    with pytest.raises(Conflict, match="task_not_dead"), shop.database.transaction() as session:
        retry_message(session, message_id)
    with pytest.raises(NotFound), shop.database.transaction() as session:
        retry_message(session, new_id())


def test_the_page_stays_under_the_ceiling_of_queries(staff: FlaskClient, shop: Shop) -> None:
    for _ in range(52):
        given_up(shop)

    for path in (LIST, f"{LIST}?state=pending", f"{LIST}?task=send_mail"):
        with counted_queries(shop.database.engine) as seen:
            page = staff.get(path)
        assert page.status_code == 200
        assert 0 < len(seen) <= QUERY_CEILING, path
    assert "Older jobs" in text_of_page(page)
