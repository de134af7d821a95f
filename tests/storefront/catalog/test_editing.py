"""Products as staff write them: every field, every change, and nothing stored by halves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storefront.accounts.models import AuditEntry
from storefront.catalog.editing import (
    DraftRefused,
    Fault,
    ProductDraft,
)
from storefront.catalog.editing.rules import problems_of, tidied
from storefront.catalog.models import Product, ProductStatus
from storefront.db import Database
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.storefront.catalog.product_drafts import audit_of, faults, stands


def test_a_new_product_is_a_draft_with_everything_that_was_written(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID]
) -> None:
    product_id = keep(draft)

    kept = stands(database, product_id)
    assert replace(kept, tiers=()) == replace(draft, tiers=())
    assert [replace(tier, id=None) for tier in kept.tiers] == list(draft.tiers)
    with database.reading() as session:
        product = session.get_one(Product, product_id)
        assert product.status == ProductStatus.DRAFT
        assert (product.offer_price_satang, product.tier_count) == (49_000, 2)
    assert [entry.action for entry in audit_of(database, product_id)] == ["create_product"]


def test_texts_are_tidied_before_they_are_kept(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID]
) -> None:
    product_id = keep(
        replace(
            draft,
            name_en="  Night \x00 Market ",
            description_en="one\r\ntwo\x07",
            tags=("Market", "market", " "),
            docs_url="  ",
        )
    )

    kept = stands(database, product_id)
    assert kept.name_en == "Night Market"
    assert kept.description_en == "one\ntwo"
    assert kept.tags == ("market",)
    assert kept.docs_url is None


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"slug": ""}, "slug", Fault.MISSING),
        ({"slug": "Night Market"}, "slug", Fault.BAD_SLUG),
        ({"slug": "-night"}, "slug", Fault.BAD_SLUG),
        ({"slug": "a" * 81}, "slug", Fault.TOO_LONG),
        ({"name_th": "", "name_en": " "}, "name_th", Fault.MISSING),
        ({"name_en": "x" * 121}, "name_en", Fault.TOO_LONG),
        ({"summary_th": "x" * 301}, "summary_th", Fault.TOO_LONG),
        ({"description_en": "x" * 20_001}, "description_en", Fault.TOO_LONG),
        ({"delivery": "by_post"}, "delivery", Fault.UNKNOWN_DELIVERY),
        ({"frameworks": ("redm",)}, "frameworks", Fault.UNKNOWN_FRAMEWORK),
        ({"resource_cost_us": -1}, "resource_cost_us", Fault.OUT_OF_RANGE),
        ({"resource_cost_us": 1_000_001}, "resource_cost_us", Fault.OUT_OF_RANGE),
        ({"tags": tuple(f"tag{n}" for n in range(21))}, "tags", Fault.TOO_MANY),
        ({"tags": ("x" * 41,)}, "tags", Fault.ENTRY_TOO_LONG),
        ({"docs_url": "http://example.com"}, "docs_url", Fault.BAD_LINK),
        ({"docs_url": "https://user:word@example.com"}, "docs_url", Fault.BAD_LINK),
        ({"docs_url": "javascript:alert(1)"}, "docs_url", Fault.BAD_LINK),
        ({"docs_url": "https://[::1"}, "docs_url", Fault.BAD_LINK),
        ({"video_url": "https://example.com/v"}, "video_url", Fault.VIDEO_NOT_KNOWN),
        ({"video_url": "https://youtube.com.evil.example/"}, "video_url", Fault.VIDEO_NOT_KNOWN),
        ({"video_url": "https://youtube.com:8443/"}, "video_url", Fault.VIDEO_NOT_KNOWN),
        ({"category_id": new_id()}, "category_id", Fault.UNKNOWN_CATEGORY),
        ({"contents": (new_id(),)}, "contents", Fault.CONTENT_UNKNOWN),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_kept(
    database: Database,
    draft: ProductDraft,
    keep: Callable[..., UUID],
    changes: dict[str, Any],
    field: str,
    fault: Fault,
) -> None:
    with pytest.raises(DraftRefused) as refusal:
        keep(replace(draft, **changes))

    assert faults(refusal) == {(field, fault)}
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == 0
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"code": ""}, "tiers.code", Fault.MISSING),
        ({"code": "two words"}, "tiers.code", Fault.BAD_SLUG),
        ({"code": "pro"}, "tiers.code", Fault.CODE_TAKEN),
        ({"name_th": ""}, "tiers.name_th", Fault.MISSING),
        ({"name_en": "x" * 81}, "tiers.name_en", Fault.TOO_LONG),
        ({"price": Money(-1)}, "tiers.price", Fault.PRICE_OUT_OF_RANGE),
        ({"price": baht(1_000_001)}, "tiers.price", Fault.PRICE_OUT_OF_RANGE),
        ({"stock": -2}, "tiers.stock", Fault.OUT_OF_RANGE),
        ({"stock": 1_000_001}, "tiers.stock", Fault.OUT_OF_RANGE),
        ({"slots": 0}, "tiers.slots", Fault.OUT_OF_RANGE),
        ({"slots": 1_001}, "tiers.slots", Fault.OUT_OF_RANGE),
        ({"duration_days": 0}, "tiers.duration_days", Fault.OUT_OF_RANGE),
        ({"duration_days": 9_999}, "tiers.duration_days", Fault.OUT_OF_RANGE),
        ({"original": baht(900)}, "tiers.original", Fault.STRUCK_WITHOUT_HISTORY),
        ({"id": new_id()}, "tiers", Fault.UNKNOWN_TIER),
    ],
)
def test_a_bad_tier_is_named(
    draft: ProductDraft,
    keep: Callable[..., UUID],
    changes: dict[str, Any],
    field: str,
    fault: Fault,
) -> None:
    first, second = draft.tiers

    with pytest.raises(DraftRefused) as refusal:
        keep(replace(draft, tiers=(replace(first, **changes), second)))

    assert (field, fault) in faults(refusal)


def test_everything_wrong_is_said_at_once(draft: ProductDraft) -> None:
    bad = replace(draft, slug="", delivery="?", tiers=(replace(draft.tiers[0], price=Money(-1)),))

    found = {problem.field for problem in problems_of(tidied(bad))}

    assert found == {"slug", "delivery", "tiers.price"}


def test_an_address_belongs_to_one_product(
    draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    keep(draft)
    other = keep(replace(draft, slug="day-market"))

    with pytest.raises(DraftRefused) as twice:
        keep(draft)
    with pytest.raises(DraftRefused) as renamed:
        save(other, slug="night-market")

    assert faults(twice) == faults(renamed) == {("slug", Fault.SLUG_TAKEN)}


def test_a_change_is_kept_with_what_was_before(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(draft)
    standard, pro = stands(database, product_id).tiers

    save(
        product_id,
        name_en="Night Bazaar",
        description_en="long " * 100,
        tiers=(pro, replace(standard, price=baht(390))),
    )

    kept = stands(database, product_id)
    assert [tier.code for tier in kept.tiers] == ["pro", "standard"]
    assert kept.tiers[1].price == baht(390)
    entry = audit_of(database, product_id)[-1]
    assert entry.action == "change_product"
    changes = entry.detail["changes"]
    assert changes["name_en"] == ["Night Market", "Night Bazaar"]
    assert changes["standard.price_satang"] == [49_000, 39_000]
    assert changes["description_en"] == ["Sells **everything**", ("long " * 32)[:158] + "…"]
    assert set(changes) == {"name_en", "description_en", "standard.price_satang"}


def test_of_long_texts_the_record_shows_where_they_differ(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(replace(draft, description_en="same " * 100 + "old"))

    save(product_id, description_en="same " * 100 + "new")

    before, after = audit_of(database, product_id)[-1].detail["changes"]["description_en"]
    assert before.endswith("same old")
    assert after.endswith("same new")
    assert len(after) < 60


def test_saving_without_a_change_leaves_no_trace(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(draft)

    save(product_id)

    with database.reading() as session:
        assert session.get_one(Product, product_id).revision == 1
    assert len(audit_of(database, product_id)) == 1


def test_the_second_editor_is_told_and_changes_nothing(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(draft)
    save(product_id, revision=1, name_en="First")

    with pytest.raises(Conflict) as told:
        save(product_id, revision=1, name_en="Second")

    assert told.value.code == "edited_elsewhere"
    assert stands(database, product_id).name_en == "First"


def test_an_unknown_product_cannot_be_changed(
    draft: ProductDraft, save: Callable[..., None]
) -> None:
    with pytest.raises(NotFound):
        save(new_id())
