"""The pages of outgoing webhooks and of Discord roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from jobs import outgoing as jobs
from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.discord_roles.models import DiscordMember, DiscordRoleRule
from storefront.kit.ids import new_id
from storefront.outgoing.models import EventName, OutgoingDelivery, OutgoingEndpoint
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory, SignIn
from tests.support.receiving import (
    Receiver,
    add_endpoint,
    delivery_of,
    endpoint_of,
    tell,
    verify,
)

RELEASED, ROLE = EventName.RELEASE_PUBLISHED, "400000000000000001"


@pytest.fixture
def receiver(sandbox: RunningSandbox) -> Iterator[Receiver]:
    running = Receiver(sandbox)
    running.forget()
    yield running
    running.forget()


@pytest.fixture
def fields(receiver: Receiver) -> dict[str, Any]:
    return {"url": receiver.url, "description": "our bot", "event": [RELEASED]}


def only_endpoint(shop: Shop) -> OutgoingEndpoint:
    with shop.database.reading() as session:
        return session.scalars(select(OutgoingEndpoint)).one()


def audited(shop: Shop) -> list[str]:
    with shop.database.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_an_endpoint_is_added_and_its_secret_shown_once(
    staff: FlaskClient, shop: Shop, fields: dict[str, Any], receiver: Receiver
) -> None:
    answer = staff.post("/admin/outgoing", data=fields)
    endpoint = only_endpoint(shop)
    assert answer.location == f"/admin/outgoing/{endpoint.id}"
    page = staff.get(answer.location).get_data(as_text=True)
    assert "whsec_" not in page
    assert "Show the secret" in page or "/secret" in page

    shown = staff.post(f"/admin/outgoing/{endpoint.id}/secret")

    assert shown.headers["Cache-Control"] == "no-store"
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", shown.get_data(as_text=True))
    assert found is not None
    assert staff.post(f"/admin/outgoing/{endpoint.id}/secret").status_code == 409
    assert "whsec_" not in staff.get(answer.location).get_data(as_text=True)
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id())
    jobs.send(shop, {"delivery_id": str(delivery_id)})
    [message] = receiver.messages()
    assert verify(found[0], message["headers"], message["body"])
    assert {"create_endpoint", "show_endpoint_secret"} <= set(audited(shop))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("url", ""), ("url", "http://example.com/"), ("url", "https://127.0.0.1/")),
        *(("url", "https://a:b@example.com/"), ("url", "https://example.com:22/")),
        *(("description", "x" * 201), ("event", []), ("event", ["order.invented"])),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_what_was_typed_stays(
    staff: FlaskClient, shop: Shop, fields: dict[str, Any], name: str, value: Any
) -> None:
    answer = staff.post("/admin/outgoing", data=fields | {name: value})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    field = {"event": "events"}.get(name, name)
    assert f'href="#field-{field}"' in page
    assert 'value="our bot"' in page or name == "description"
    with shop.database.reading() as session:
        assert session.scalars(select(OutgoingEndpoint)).all() == []


def test_the_second_of_two_who_edit_is_told_and_changes_nothing(
    staff: FlaskClient, shop: Shop, fields: dict[str, Any]
) -> None:
    staff.post("/admin/outgoing", data=fields)
    address = f"/admin/outgoing/{only_endpoint(shop).id}"
    first = staff.post(address, data=fields | {"description": "first", "revision": "1"})
    second = staff.post(address, data=fields | {"description": "second", "revision": "1"})

    assert (first.status_code, second.status_code) == (303, 409)
    assert only_endpoint(shop).description == "first"
    assert 'value="second"' in second.get_data(as_text=True)
    for rubbish in ("", "x", "٤", "9" * 30):
        assert staff.post(address, data=fields | {"revision": rubbish}).status_code == 409


def test_a_test_event_leads_to_its_delivery_with_headers_body_and_attempts(
    staff: FlaskClient, shop: Shop, fields: dict[str, Any], receiver: Receiver
) -> None:
    staff.post("/admin/outgoing", data=fields)
    endpoint = only_endpoint(shop)
    receiver.answers(status=500, times=1, body="<script>boom</script>")

    answer = staff.post(f"/admin/outgoing/{endpoint.id}/pings")
    delivery_id = UUID(answer.location.rsplit("/", 1)[1])
    jobs.send(shop, {"delivery_id": str(delivery_id)})

    page = staff.get(answer.location).get_data(as_text=True)
    assert "v1,•••" in page
    assert "&#34;type&#34;:&#34;ping&#34;" in page
    assert "HTTP 500" in page
    assert "&lt;script&gt;boom&lt;/script&gt;" in page
    assert "<script>boom" not in page


def test_an_endpoint_is_switched_off_and_on_and_off_takes_no_test(
    staff: FlaskClient, shop: Shop, fields: dict[str, Any]
) -> None:
    staff.post("/admin/outgoing", data=fields)
    address = f"/admin/outgoing/{only_endpoint(shop).id}"
    for _ in range(2):
        staff.post(f"{address}/switch", data={"enabled": "0"})
    assert not only_endpoint(shop).enabled
    assert staff.post(f"{address}/pings").status_code == 409
    assert staff.post(f"{address}/replays", data={"days": "1"}).status_code == 409
    staff.post(f"{address}/switch", data={"enabled": "1"})
    assert only_endpoint(shop).enabled
    assert audited(shop).count("switch_endpoint") == 2


def test_a_rotation_makes_a_secret_that_can_be_shown_once_more(
    staff: FlaskClient, shop: Shop, fields: dict[str, Any]
) -> None:
    staff.post("/admin/outgoing", data=fields)
    address = f"/admin/outgoing/{only_endpoint(shop).id}"
    first = staff.post(f"{address}/secret").get_data(as_text=True)
    staff.post(f"{address}/rotations")
    second = staff.post(f"{address}/secret").get_data(as_text=True)

    secrets = {re.findall(r"whsec_[A-Za-z0-9+/=]+", page)[0] for page in (first, second)}
    assert len(secrets) == 2


def test_deliveries_are_filtered_chosen_and_sent_again(
    staff: FlaskClient, shop: Shop, make: Factory, receiver: Receiver
) -> None:
    owner = make.user(role="admin")
    endpoint_id = add_endpoint(shop, owner, receiver.url)
    subject_id = new_id()
    [done] = tell(shop, RELEASED, subject_id=subject_id)
    jobs.send(shop, {"delivery_id": str(done)})
    [waits] = tell(shop, EventName.ORDER_COMPLETED, subject_id=new_id())

    def listed(query: str) -> list[bool]:
        page = staff.get(f"/admin/outgoing/deliveries?{query}").get_data(as_text=True)
        return [f"/deliveries/{one}" in page for one in (done, waits)]

    assert listed("") == [True, True]
    assert listed("state=succeeded") == [True, False]
    assert listed("event=order.completed") == [False, True]
    assert listed(f"q={subject_id}") == [True, False]
    assert listed(f"to={endpoint_id}") == [True, True]
    assert listed(f"to={new_id()}") == [False, False]
    assert listed("state=nonsense&event=x&to=y") == [True, True]
    assert listed("q=nothing") == [False, False]

    answer = staff.post(
        "/admin/outgoing/deliveries/replays",
        data={"delivery": [str(done), str(waits), "rubbish"], "event": RELEASED},
    )
    assert answer.location == "/admin/outgoing/deliveries?event=release.published"
    assert delivery_of(shop, done).replays == 1
    assert delivery_of(shop, waits).replays == 0
    again = staff.post(f"/admin/outgoing/deliveries/{done}/replays")
    assert again.status_code == 409, "it waits already"
    jobs.send(shop, {"delivery_id": str(done)})
    assert staff.post(f"/admin/outgoing/deliveries/{done}/replays").status_code == 303


def test_everything_given_up_in_the_last_days_is_sent_again(
    staff: FlaskClient, shop: Shop, make: Factory, receiver: Receiver
) -> None:
    endpoint_id = add_endpoint(shop, make.user(role="admin"), receiver.url)
    ids = [tell(shop, RELEASED, subject_id=new_id())[0] for _ in range(2)]
    for enabled in ("0", "1"):
        staff.post(f"/admin/outgoing/{endpoint_id}/switch", data={"enabled": enabled})
    assert {delivery_of(shop, one).state for one in ids} == {"given_up"}

    staff.post(f"/admin/outgoing/{endpoint_id}/replays", data={"days": "7"})

    assert {delivery_of(shop, one).state for one in ids} == {"pending"}
    assert endpoint_of(shop, endpoint_id).enabled


def test_a_long_log_has_pages(
    staff: FlaskClient, shop: Shop, make: Factory, receiver: Receiver
) -> None:
    add_endpoint(shop, make.user(role="admin"), receiver.url)
    for _ in range(52):
        tell(shop, RELEASED, subject_id=new_id())

    first = staff.get("/admin/outgoing/deliveries").get_data(as_text=True)
    following = re.search(r'href="([^"]*cursor=[^"]*)"', first)
    assert following is not None
    second = staff.get(following[1].replace("&amp;", "&")).get_data(as_text=True)

    assert (first.count('name="delivery"'), second.count('name="delivery"')) == (50, 2)


def test_empty_pages_say_so(staff: FlaskClient) -> None:
    for address in ("/admin/outgoing", "/admin/outgoing/deliveries", "/admin/discord-roles"):
        answer = staff.get(address)
        assert (answer.status_code, "empty" in answer.get_data(as_text=True)) == (200, True)


@pytest.mark.parametrize(
    "address",
    [
        *("/admin/outgoing", "/admin/outgoing/new", "/admin/outgoing/deliveries"),
        "/admin/discord-roles",
    ],
)
@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("moderator", 404)])
def test_only_who_may_sees_these_pages(
    client: FlaskClient, make: Factory, sign_in: SignIn, address: str, role: str, status: int
) -> None:
    sign_in(client, make.user(role=role))

    assert client.get(address).status_code == status


def test_nothing_is_found_under_an_address_of_nothing(staff: FlaskClient) -> None:
    for address in ("/admin/outgoing", "/admin/outgoing/deliveries", "/admin/discord-roles"):
        for last in (str(new_id()), "rubbish"):
            assert staff.get(f"{address}/{last}").status_code == 404


def test_a_rule_for_a_role_is_added_changed_and_removed(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product()
    typed = {"scope": "any", "role_id": ROLE, "name": "Customer"}
    assert staff.post("/admin/discord-roles", data=typed).status_code == 303
    twice = staff.post("/admin/discord-roles", data=typed)
    assert twice.status_code == 409
    with shop.database.reading() as session:
        rule = session.scalars(select(DiscordRoleRule)).one()
    address = f"/admin/discord-roles/{rule.id}"
    changed = typed | {"scope": "product", "product": str(product.id), "revision": "1"}
    assert staff.get(address).status_code == 200
    assert staff.post(address, data=changed).status_code == 303
    late = staff.post(address, data=changed | {"name": "Late"})
    assert (late.status_code, 'value="Late"' in late.get_data(as_text=True)) == (409, True)
    assert product.name_en in staff.get("/en/admin/discord-roles").get_data(as_text=True)

    assert staff.post(f"{address}/removal", data={"revision": "1"}).status_code == 409
    assert staff.post(f"{address}/removal", data={"revision": "2"}).status_code == 303
    assert staff.get(address).status_code == 404
    assert audited(shop)[-3:] == ["create_role_rule", "change_role_rule", "remove_role_rule"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"role_id": "customer"}, "role_id"),
        ({"name": "x" * 81}, "name"),
        ({"scope": "product"}, "product"),
        ({"scope": "product", "product": "rubbish"}, "product"),
        ({"scope": "category", "category": str(new_id())}, "category"),
        ({"scope": "nonsense"}, "product"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_at_its_field(
    staff: FlaskClient, changed: dict[str, str], field: str
) -> None:
    typed = {"scope": "any", "role_id": ROLE, "name": ""} | changed

    answer = staff.post("/admin/discord-roles", data=typed)

    assert answer.status_code == 422
    assert f'href="#field-{field}"' in answer.get_data(as_text=True)


def test_the_page_says_who_lacks_a_role_and_why(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    from_outside = make.user(display_name="Somebody Outside")
    with shop.database.transaction() as session:
        session.add(DiscordMember(user_id=from_outside.id, problem="not_a_member"))

    assert "Somebody Outside" in staff.get("/admin/discord-roles").get_data(as_text=True)


def test_a_delivery_of_each_state_has_its_words(
    staff: FlaskClient, shop: Shop, make: Factory, receiver: Receiver
) -> None:
    add_endpoint(shop, make.user(role="admin"), receiver.url)
    [delivery_id] = tell(shop, RELEASED, subject_id=new_id())
    for status in (500, 410):
        receiver.answers(status=status)
        with shop.database.transaction() as session:
            session.get_one(OutgoingDelivery, delivery_id).due_at = shop.clock()
        jobs.send(shop, {"delivery_id": str(delivery_id)})
        page = staff.get(f"/admin/outgoing/deliveries/{delivery_id}").get_data(as_text=True)
        assert f"HTTP {status}" in page
