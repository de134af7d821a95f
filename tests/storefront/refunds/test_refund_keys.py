"""One form is one refund; another wish under its key is refused, not taken for the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from storefront.accounts.models import Role
from storefront.bootstrap import Shop
from storefront.errors import Invalid
from storefront.kit.money import baht
from storefront.orders.models import OrderLine
from storefront.refunds.drafts import OrderRefundDraft
from storefront.refunds.flow import refund_order
from storefront.refunds.models import Destination, LicenseRule, Refund, RefundState
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.gateway import buy

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.mark.parametrize(
    "other",
    [
        {"lines": baht(101)},
        {"licenses": LicenseRule.KEEP},
        {"destination": Destination.WALLET},
    ],
)
def test_another_amount_way_or_fate_of_the_keys_under_a_known_key_is_refused(
    shop: Shop, sandbox: RunningSandbox, make: Factory, other: dict[str, Any]
) -> None:
    buyer, staff = make.user(), make.user(role=Role.ADMIN)
    make.wallet(buyer, baht(50))
    make.cart(buyer, (make.product(price=baht(100)), 3))
    order_id = buy(shop, sandbox, buyer, baht(300), wallet_part=baht(50))
    with shop.database.reading() as session:
        line_id = session.scalars(select(OrderLine.id)).one()
    wanted = OrderRefundDraft(
        lines={line_id: baht(300)},
        destination=Destination.GATEWAY,
        licenses=LicenseRule.REVOKE,
        reason="asked",
        idempotency_key="one-form-one-key",
    )
    # To the card as far as it paid, the rest to the wallet: two refunds under one key.
    for _ in range(2):
        states = refund_order(shop, order_id, wanted, actor_id=staff.id)
        assert states == [RefundState.SUCCEEDED, RefundState.SUCCEEDED]

    changed = {**other, "lines": {line_id: other.get("lines", baht(300))}}
    with pytest.raises(Invalid) as refused:
        refund_order(shop, order_id, replace(wanted, **changed), actor_id=staff.id)

    assert refused.value.code == "key_reused"
    with shop.database.reading() as session:
        assert len(session.scalars(select(Refund)).all()) == 2
