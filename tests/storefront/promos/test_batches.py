"""Many codes at once: made, switched and deleted as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from storefront.bootstrap import Shop
from storefront.errors import Conflict, NotFound
from storefront.promos import editing
from storefront.promos.drafting import (
    READABLE,
    DraftRefused,
    Fault,
    draw_code,
)
from storefront.promos.models import PromoCode
from storefront.promos.queries import get_promo
from storefront.promos.rules import normalize_code
from tests.storefront.orders.purchases import counted_queries
from tests.storefront.promos.desk import (
    TENTH,
    audit_of,
    codes_of,
    generate,
    use,
)
from tests.support.factories import Factory

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def actor(make: Factory) -> UUID:
    """An admin."""
    return make.user(role="admin").id


def test_five_thousand_codes_are_made_in_one_statement(shop: Shop, actor: UUID) -> None:
    with counted_queries(shop.database.engine) as seen:
        generate(shop, actor, 5_000)
    written = [one for one in seen if one.startswith("INSERT INTO promo_codes")]
    assert len(written) == 1
    assert len(seen) < 12
    codes = codes_of(shop)
    assert len(codes) == len(set(codes)) == 5_000
    assert all(normalize_code(code) == code for code in codes)
    symbols = set("".join(code.removeprefix("FLY-") for code in codes)) - {"-"}
    assert symbols == set(READABLE)
    assert not symbols & set("01258OILZSBU")
    with shop.database.reading() as session:
        limits = select(PromoCode.total_limit, PromoCode.batch).distinct()
        assert session.execute(limits).all() == [(1, "Flyers")]
    entries = audit_of(shop)
    assert [(one.action, one.detail["codes"]) for one in entries] == [
        ("generate_promo_batch", 5_000)
    ]


def test_codes_of_a_batch_cover_what_the_template_covers(
    shop: Shop, actor: UUID, make: Factory
) -> None:
    one, two = make.product(), make.product()
    template = replace(TENTH, covers_all=False, product_ids=(one.id, two.id))
    generate(shop, actor, 3, template=template)
    with shop.database.reading() as session:
        assert all(
            get_promo(session, code).product_ids == frozenset({one.id, two.id})
            for code in codes_of(shop)
        )


def test_a_code_that_exists_already_is_drawn_again(shop: Shop, actor: UUID, make: Factory) -> None:
    make.promo("FLY-A", note="somebody's own")
    drawn: Iterator[str] = iter(["FLY-A", "FLY-B", "FLY-B", "FLY-A", "FLY-C", "FLY-D"])
    generate(shop, actor, 3, draw=lambda _prefix: next(drawn))
    assert codes_of(shop) == ["FLY-A", "FLY-B", "FLY-C", "FLY-D"]
    with shop.database.reading() as session:
        own = session.scalars(select(PromoCode).where(PromoCode.code == "FLY-A")).one()
    assert (own.note, own.batch) == ("somebody's own", None)


def test_a_prefix_without_room_makes_no_code_at_all(shop: Shop, actor: UUID) -> None:
    with pytest.raises(Conflict) as refused:
        generate(shop, actor, 2, draw=lambda _prefix: "FLY-A")
    assert refused.value.code == "promo_codes_collide"
    assert codes_of(shop) == []


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"count": 0}, Fault.COUNT_RANGE),
        ({"count": 5_001}, Fault.COUNT_RANGE),
        ({"batch": " "}, Fault.BATCH_NAME),
        ({"batch": "x" * 41}, Fault.BATCH_NAME),
        ({"prefix": "ลด"}, Fault.PREFIX_FORM),
        ({"prefix": "A--B"}, Fault.PREFIX_FORM),
        ({"prefix": "A" * 21}, Fault.PREFIX_FORM),
        ({"template": replace(TENTH, value=0)}, Fault.PERCENT_RANGE),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(
    shop: Shop, actor: UUID, values: dict[str, Any], fault: Fault
) -> None:
    with pytest.raises(DraftRefused) as refused:
        generate(shop, actor, values.pop("count", 5), **values)
    assert [one.fault for one in refused.value.problems] == [fault]
    assert codes_of(shop) == []


def test_a_batch_sent_twice_is_made_once(shop: Shop, actor: UUID) -> None:
    generate(shop, actor, 5)
    with pytest.raises(DraftRefused) as refused:
        generate(shop, actor, 5, batch=" Flyers ")
    assert [one.fault for one in refused.value.problems] == [Fault.BATCH_TAKEN]
    assert len(codes_of(shop)) == 5


def test_a_batch_is_switched_and_deleted_as_a_whole(shop: Shop, actor: UUID, make: Factory) -> None:
    make.promo("OWN")
    generate(shop, actor, 4)
    with shop.database.transaction() as session:
        assert editing.switch_batch(session, "Flyers", active=False, actor_id=actor) == 4
        assert editing.switch_batch(session, "Flyers", active=False, actor_id=actor) == 0
    with shop.database.transaction() as session:
        assert editing.switch_batch(session, "Flyers", active=True, actor_id=actor) == 4
    code = next(code for code in codes_of(shop) if code != "OWN")
    use(shop, make, code)
    with pytest.raises(Conflict), shop.database.transaction() as session:
        editing.delete_batch(session, "Flyers", actor_id=actor)
    assert len(codes_of(shop)) == 5
    generate(shop, actor, 2, batch="Second")
    with shop.database.transaction() as session:
        assert editing.delete_batch(session, "Second", actor_id=actor) == 2
    with pytest.raises(NotFound), shop.database.transaction() as session:
        editing.delete_batch(session, "Second", actor_id=actor)
    assert len(codes_of(shop)) == 5


def test_drawn_codes_read_the_same_after_typing_them() -> None:
    drawn = {draw_code("SUMMER-26") for _ in range(200)}
    assert len(drawn) == 200
    assert all(normalize_code(code.lower()) == code for code in drawn)
