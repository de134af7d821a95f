"""What is told of orders, licences and releases, and what never is."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.releases import publish_release
from storefront.kit.money import baht
from storefront.licenses.announcing import ANNOUNCED
from storefront.licenses.events import SERVER, SYSTEM, by_owner, record_event
from storefront.licenses.models import License
from storefront.licenses.service import revoke_license
from storefront.orders.models import Order
from storefront.orders.service import lock_order
from storefront.outbox import OutboxMessage
from storefront.outgoing.models import SUBSCRIBABLE, EventName, OutgoingEvent
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.flow import refund_order
from storefront.refunds.models import Destination, LicenseRule
from tests.support.factories import Factory
from tests.support.purchases import own_product


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user(email="nok@example.com", display_name="Nok Secret-Name")


def told(shop: Shop, name: EventName) -> list[dict[str, Any]]:
    with shop.database.reading() as session:
        return [
            event.data
            for event in session.scalars(
                select(OutgoingEvent).where(OutgoingEvent.name == name).order_by(OutgoingEvent.id)
            )
        ]


def bought(shop: Shop, make: Factory, buyer: User) -> tuple[UUID, UUID]:
    """An order and its licence."""
    own_product(shop, make, buyer, make.product(price=baht(490)))
    with shop.database.reading() as session:
        return session.scalars(select(Order.id)).one(), session.scalars(select(License.id)).one()


def aligned(shop: Shop) -> list[str]:
    """Whose roles are looked at."""
    with shop.database.reading() as session:
        rows = session.scalars(
            select(OutboxMessage.payload)
            .where(OutboxMessage.task == "align_discord_roles")
            .order_by(OutboxMessage.id)
        )
        return [row["user_id"] for row in rows]


def test_a_purchase_is_told_as_an_order_and_as_its_licence(
    shop: Shop, make: Factory, buyer: User
) -> None:
    order_id, license_id = bought(shop, make, buyer)

    [order] = told(shop, EventName.ORDER_COMPLETED)
    assert order["order"]["id"] == str(order_id)
    assert order["order"]["total_satang"] == 49_000
    assert order["order"]["state"] == "completed"
    assert order["customer"] == {"id": str(buyer.id), "discord_id": buyer.discord_id}
    [line] = order["lines"]
    assert (line["quantity"], line["total_satang"]) == (1, 49_000)
    [issued] = told(shop, EventName.LICENSE_ISSUED)
    assert issued["license"]["id"] == str(license_id)
    assert issued["license"]["status"] == "active"
    assert issued["license"]["product"] == line["product"]
    assert aligned(shop) == [str(buyer.id)]


def test_neither_keys_nor_names_nor_addresses_are_told(
    shop: Shop, make: Factory, buyer: User
) -> None:
    _, license_id = bought(shop, make, buyer)
    with shop.database.transaction() as session:
        license = session.get_one(License, license_id)
        secrets = [shop.vault.open(license.key_encrypted), license.key_hash, license.key_encrypted]
        for action in ANNOUNCED:
            record_event(session, license_id, action, actor=by_owner(buyer.id))

    with shop.database.reading() as session:
        everything = json.dumps([one.data for one in session.scalars(select(OutgoingEvent))])

    for text in (*secrets, "nok@example.com", "Nok Secret-Name", buyer.username):
        assert text not in everything


@pytest.mark.parametrize(("action", "name"), ANNOUNCED.items())
def test_each_step_of_a_licence_is_told_by_its_name(
    shop: Shop, make: Factory, buyer: User, action: str, name: EventName
) -> None:
    _, license_id = bought(shop, make, buyer)
    before = len(told(shop, name))
    with shop.database.transaction() as session:
        record_event(session, license_id, action, actor=SYSTEM)

    assert len(told(shop, name)) == before + 1
    assert told(shop, name)[-1]["actor"] == "system"


def test_what_only_the_owner_cares_for_is_not_told(shop: Shop, make: Factory, buyer: User) -> None:
    _, license_id = bought(shop, make, buyer)
    before = len(told(shop, EventName.LICENSE_ISSUED))
    with shop.database.transaction() as session:
        for action in ("slot_bound", "key_shown", "noted", "gift_offered"):
            record_event(session, license_id, action, actor=SERVER)

    with shop.database.reading() as session:
        names = session.scalars(select(OutgoingEvent.name)).all()
    assert sorted(names) == ["license.issued", "order.completed"]
    assert before == 1


def test_a_revocation_is_told_with_the_state_after_it(
    shop: Shop, make: Factory, buyer: User
) -> None:
    _, license_id = bought(shop, make, buyer)
    staff = make.user(role="admin")
    for _ in range(2):
        with shop.database.transaction() as session:
            revoke_license(session, license_id, actor_id=staff.id, reason="shared")

    [revoked] = told(shop, EventName.LICENSE_REVOKED)
    assert (revoked["license"]["status"], revoked["actor"]) == ("revoked", "staff")


def test_a_gift_concerns_two_people(shop: Shop, make: Factory, buyer: User) -> None:
    _, license_id = bought(shop, make, buyer)
    friend = make.user()
    detail = {"from": str(friend.id)}
    with shop.database.transaction() as session:
        record_event(session, license_id, "given", actor=by_owner(buyer.id), detail=detail)

    [given] = told(shop, EventName.LICENSE_GIVEN)
    assert given["customer"]["id"] == str(buyer.id)
    assert given["previous_customer"] == {"id": str(friend.id)}
    assert set(aligned(shop)[1:]) == {str(buyer.id), str(friend.id)}


def test_a_refund_is_told_with_whether_all_is_back(shop: Shop, make: Factory, buyer: User) -> None:
    order_id, _ = bought(shop, make, buyer)
    staff = make.user(role="admin")
    for key, amount in (("part", 90), ("rest", 400)):
        with shop.database.transaction() as session:
            line_id = lock_order(session, order_id).lines[0].id
        draft = OrderRefundDraft(
            lines={line_id: baht(amount)},
            destination=Destination.WALLET,
            licenses=LicenseRule.REVOKE,
            reason="late",
            idempotency_key=key,
        )
        for _ in range(2):
            refund_order(shop, order_id, draft, actor_id=staff.id)

    part, rest = told(shop, EventName.ORDER_REFUNDED)
    assert (part["refund"]["amount_satang"], part["refund"]["is_full"]) == (9_000, False)
    assert (rest["refund"]["amount_satang"], rest["refund"]["is_full"]) == (40_000, True)
    assert rest["order"]["state"] == "refunded"
    assert part["refund"]["destination"] == "wallet"


def test_a_release_is_told_when_it_is_published_and_once(shop: Shop, make: Factory) -> None:
    product, staff = make.product(), make.user(role="admin")
    release = product.releases[0]
    with shop.database.transaction() as session:
        session.get_one(type(release), release.id).published_at = None
    for _ in range(2):
        with shop.database.transaction() as session:
            publish_release(session, product.id, release.id, actor_id=staff.id, now=shop.clock())

    [published] = told(shop, EventName.RELEASE_PUBLISHED)
    assert published["release"]["product"] == product.slug
    assert published["release"]["version"] == release.version
    assert published["release"]["sha256"] == release.sha256


def test_every_event_one_can_subscribe_to_is_described_in_the_docs(root) -> None:
    described = (root / "docs" / "webhooks-out.md").read_text(encoding="utf-8")

    for name in (*SUBSCRIBABLE, EventName.PING):
        assert f"`{name}`" in described
