"""Deleting an endpoint for outgoing webhooks: the page that asks, and what is left."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from jobs import outgoing as jobs
from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.outgoing.models import (
    EventName,
    OutgoingAttempt,
    OutgoingDelivery,
    OutgoingEndpoint,
)
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory, SignIn
from tests.support.receiving import Receiver, add_endpoint, endpoint_of, tell

RELEASED = EventName.RELEASE_PUBLISHED


@pytest.fixture
def receiver(sandbox: RunningSandbox) -> Iterator[Receiver]:
    running = Receiver(sandbox)
    running.forget()
    yield running
    running.forget()


@pytest.fixture
def owner(make: Factory) -> User:
    return make.user(role="admin")


@pytest.fixture
def endpoint_id(shop: Shop, owner: User, receiver: Receiver) -> UUID:
    return add_endpoint(shop, owner, receiver.url)


def address_of(endpoint_id: UUID) -> str:
    return f"/admin/outgoing/{endpoint_id}/removal"


def counts(shop: Shop) -> list[int]:
    """Endpoints, deliveries and attempts that there are."""
    with shop.database.reading() as session:
        return [
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (OutgoingEndpoint, OutgoingDelivery, OutgoingAttempt)
        ]


def test_the_page_says_what_goes_with_it_and_changes_nothing(
    staff: FlaskClient, shop: Shop, endpoint_id: UUID
) -> None:
    [sent] = tell(shop, RELEASED, subject_id=new_id())
    jobs.send(shop, {"delivery_id": str(sent)})
    tell(shop, RELEASED, subject_id=new_id())

    page = staff.get(address_of(endpoint_id)).get_data(as_text=True)

    assert f'href="{address_of(endpoint_id)}"' in staff.get(
        f"/admin/outgoing/{endpoint_id}"
    ).get_data(as_text=True)
    assert 'name="revision" value="1"' in page
    assert "/receiver" in page
    assert counts(shop) == [1, 2, 1]


def test_a_deleted_endpoint_leaves_an_audit_entry_alone_and_gets_nothing_that_waited(
    staff: FlaskClient, shop: Shop, endpoint_id: UUID, receiver: Receiver
) -> None:
    [sent] = tell(shop, RELEASED, subject_id=new_id())
    jobs.send(shop, {"delivery_id": str(sent)})
    [waiting] = tell(shop, RELEASED, subject_id=new_id())

    answer = staff.post(address_of(endpoint_id), data={"revision": "1"})

    assert (answer.status_code, answer.location) == (303, "/admin/outgoing")
    assert counts(shop) == [0, 0, 0]
    jobs.send(shop, {"delivery_id": str(waiting)})
    assert len(receiver.messages()) == 1
    assert tell(shop, RELEASED, subject_id=new_id()) == []
    with shop.database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "delete_endpoint")
        ).one()
    assert entry.detail is not None
    assert entry.detail["url"] == receiver.url
    assert (entry.detail["cancelled"], entry.detail["deliveries"]) == (1, 2)
    assert receiver.url in staff.get("/admin/audit").get_data(as_text=True)


def test_its_pages_and_the_pages_of_its_log_are_gone_and_nothing_can_be_sent_again(
    staff: FlaskClient, shop: Shop, endpoint_id: UUID
) -> None:
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id())
    jobs.send(shop, {"delivery_id": str(delivery_id)})
    staff.post(address_of(endpoint_id), data={"revision": "1"})

    for path in ("", "/edit", "/removal"):
        assert staff.get(f"/admin/outgoing/{endpoint_id}{path}").status_code == 404
    log = f"/admin/outgoing/deliveries/{delivery_id}"
    assert staff.get(log).status_code == 404
    assert staff.post(f"{log}/replays").status_code == 404
    assert staff.get(f"/admin/outgoing/deliveries?to={endpoint_id}").status_code == 200
    assert staff.post(address_of(endpoint_id), data={"revision": "1"}).status_code == 404


@pytest.mark.parametrize("revision", ["", "0", "x", "٤", "9" * 30])
def test_whoever_read_another_state_is_told_and_deletes_nothing(
    staff: FlaskClient, shop: Shop, endpoint_id: UUID, revision: str
) -> None:
    answer = staff.post(address_of(endpoint_id), data={"revision": revision})

    assert answer.status_code == 409
    assert 'name="revision" value="1"' in answer.get_data(as_text=True)
    assert endpoint_of(shop, endpoint_id).enabled


def test_one_that_is_off_can_be_deleted_and_others_stay(
    staff: FlaskClient, shop: Shop, owner: User, endpoint_id: UUID, receiver: Receiver
) -> None:
    other = add_endpoint(shop, owner, receiver.url)
    tell(shop, RELEASED, subject_id=new_id())
    staff.post(f"/admin/outgoing/{endpoint_id}/switch", data={"enabled": "0"})

    staff.post(address_of(endpoint_id), data={"revision": "2"})

    assert endpoint_of(shop, other).enabled
    assert counts(shop) == [1, 1, 0]


def test_who_may_not_manage_webhooks_cannot_even_ask(
    shop: Shop, client: FlaskClient, endpoint_id: UUID, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="moderator"))

    assert client.get(address_of(endpoint_id)).status_code == 404
    assert client.post(address_of(endpoint_id), data={"revision": "1"}).status_code == 404
    assert endpoint_of(shop, endpoint_id).enabled
