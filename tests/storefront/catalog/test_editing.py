"""Products as staff write them: every rule, and that nothing is stored by halves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from storefront.accounts.models import AuditEntry, User
from storefront.catalog.editing import (
    DraftRefused,
    Fault,
    ProductDraft,
    TierDraft,
    create_product,
    delete_draft,
    duplicate_product,
    read_rows,
    set_status,
    update_product,
)
from storefront.catalog.editing.rules import problems_of, tidied
from storefront.catalog.models import (
    UNLIMITED,
    FlashSaleItem,
    PriceChange,
    Product,
    ProductStatus,
    Variant,
)
from storefront.db import Database
from storefront.errors import Conflict, NotFound
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from tests.support.factories import Factory

NOW = datetime.now(UTC)


@pytest.fixture
def editor(make: Factory) -> User:
    return make.user(role="admin")


@pytest.fixture
def draft(make: Factory) -> ProductDraft:
    """Fit for the shelves."""
    return ProductDraft(
        slug="night-market",
        category_id=make.category().id,
        name_th="ตลาดกลางคืน",
        name_en="Night Market",
        summary_th="แผงขายของยามค่ำ",
        summary_en="Stalls after dark",
        description_th="ขายได้ทุกอย่าง",
        description_en="Sells **everything**",
        features_en=("Stalls", "Lights"),
        tags=("market",),
        frameworks=("esx", "qbcore"),
        resource_cost_us=40,
        tiers=(
            TierDraft(None, "standard", "มาตรฐาน", "Standard", baht(490)),
            TierDraft(None, "pro", "โปร", "Pro", baht(990), stock=50, slots=5),
        ),
    )


@pytest.fixture
def keep(database: Database, editor: User) -> Callable[[ProductDraft], UUID]:
    """Write a draft down; its product's id."""

    def keep(draft: ProductDraft) -> UUID:
        with database.transaction() as session:
            return create_product(session, draft, actor_id=editor.id, now=NOW)

    return keep


@pytest.fixture
def save(database: Database, editor: User) -> Callable[..., None]:
    """save(product_id, **changes): edit what stands there now."""

    def save(product_id: UUID, *, revision: int | None = None, **changes: Any) -> None:
        with database.transaction() as session:
            rows = read_rows(session, product_id)
            update_product(
                session,
                product_id,
                replace(rows.draft, **changes),
                revision=revision or rows.product.revision,
                actor_id=editor.id,
                now=NOW,
            )

    return save


def stands(database: Database, product_id: UUID) -> ProductDraft:
    with database.reading() as session:
        return read_rows(session, product_id).draft


def audit_of(database: Database, product_id: UUID) -> list[AuditEntry]:
    with database.reading() as session:
        return list(
            session.scalars(
                select(AuditEntry)
                .where(AuditEntry.subject_id == str(product_id))
                .order_by(AuditEntry.id)
            )
        )


def faults(refusal: pytest.ExceptionInfo[DraftRefused]) -> set[tuple[str, str]]:
    return {(problem.field, problem.fault) for problem in refusal.value.problems}


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
    assert len(changes["description_en"][1]) == 160
    assert set(changes) == {"name_en", "description_en", "standard.price_satang"}


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


def test_stock_cannot_go_below_what_is_sold_and_held(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(stock=10)
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).sold = 3
    tier = stands(database, product.id).tiers[0]

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(replace(tier, stock=2),))
    save(product.id, tiers=(replace(tier, stock=3),))

    assert faults(refusal) == {("tiers.stock", Fault.STOCK_BELOW_SOLD)}
    assert refusal.value.problems[0].limit == 3
    assert stands(database, product.id).tiers[0].stock == 3


def test_a_struck_out_price_was_the_lowest_of_the_last_thirty_days(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(price=baht(500))
    make.charged(product, baht(450), days_ago=10)
    tier = stands(database, product.id).tiers[0]

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(replace(tier, price=baht(300), original=baht(500)),))
    save(product.id, tiers=(replace(tier, price=baht(300), original=baht(450)),))

    assert faults(refusal) == {("tiers.original", Fault.STRUCK_TOO_HIGH)}
    assert refusal.value.problems[0].limit == 45_000
    assert stands(database, product.id).tiers[0].original == baht(450)


def test_a_struck_out_price_that_stands_does_not_stop_other_changes(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(price=baht(300))
    make.reduced(product, original=baht(500))

    save(product.id, name_en="Renamed")

    assert stands(database, product.id).tiers[0].original == baht(500)


def test_a_new_price_moves_what_coming_flash_sales_may_strike_out(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(price=baht(500))
    soon = datetime.now(UTC) + timedelta(days=1)
    item = make.flash_sale(
        product, price=baht(100), starts_at=soon, ends_at=soon + timedelta(hours=1)
    )
    tier = stands(database, product.id).tiers[0]

    save(product.id, tiers=(replace(tier, price=baht(400)),))

    with database.reading() as session:
        assert session.get_one(FlashSaleItem, item.id).reference_satang == 40_000


def test_a_tier_nobody_bought_goes_for_good(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(draft)
    standard, pro = stands(database, product_id).tiers

    save(product_id, tiers=(standard,))

    assert [tier.code for tier in stands(database, product_id).tiers] == ["standard"]
    with database.reading() as session:
        assert (
            session.scalars(select(PriceChange).where(PriceChange.variant_id == pro.id)).all() == []
        )
        assert session.get_one(Product, product_id).tier_count == 1


def test_a_tier_in_somebodys_cart_stays_with_none_left(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product()
    make.cart(make.user(), (product, 1))
    new = TierDraft(None, "pro", "โปร", "Pro", baht(900))

    save(product.id, tiers=(new,))

    kept = stands(database, product.id).tiers
    assert [(tier.code, tier.stock) for tier in kept] == [("pro", UNLIMITED), ("standard", 0)]


def test_a_tier_with_units_in_open_payments_stays(
    database: Database, make: Factory, save: Callable[..., None]
) -> None:
    product = make.product(stock=5)
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).held = 1

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(TierDraft(None, "pro", "โปร", "Pro", baht(900)),))
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).held = 0

    assert faults(refusal) == {("tiers", Fault.TIER_HELD)}


def test_a_tier_in_a_flash_sale_stays(make: Factory, save: Callable[..., None]) -> None:
    product = make.product(price=baht(500))
    make.flash_sale(product, price=baht(100))

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, tiers=(TierDraft(None, "pro", "โปร", "Pro", baht(900)),))

    assert faults(refusal) == {("tiers", Fault.TIER_ON_SALE)}


def test_codes_may_move_from_one_tier_to_another_only_in_two_steps(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    product_id = keep(draft)
    standard, pro = stands(database, product_id).tiers

    with pytest.raises(DraftRefused) as refusal:
        save(
            product_id,
            name_en="Half",
            tiers=(replace(standard, code="pro"), replace(pro, code="standard")),
        )

    assert faults(refusal) == {("tiers", Fault.CODE_TAKEN)}
    assert stands(database, product_id).name_en == "Night Market"


def test_a_bundle_holds_products_in_the_sellers_order(
    database: Database,
    make: Factory,
    draft: ProductDraft,
    keep: Callable[..., UUID],
    save: Callable[..., None],
) -> None:
    first, second = make.product(), make.product()
    bundle = keep(replace(draft, contents=(first.id, second.id)))

    save(bundle, contents=(second.id, first.id))

    assert stands(database, bundle).contents == (second.id, first.id)
    assert audit_of(database, bundle)[-1].detail["changes"].keys() == {"contents"}


def test_a_bundle_is_never_inside_itself_or_another(
    make: Factory, draft: ProductDraft, keep: Callable[..., UUID], save: Callable[..., None]
) -> None:
    plain = make.product()
    bundle = keep(replace(draft, contents=(plain.id,)))

    for contents, fault in (
        ((bundle,), Fault.CONTENT_ITSELF),
        ((plain.id, plain.id), Fault.CONTENT_TWICE),
    ):
        with pytest.raises(DraftRefused) as refusal:
            save(bundle, contents=contents)
        assert faults(refusal) == {("contents", fault)}
    with pytest.raises(DraftRefused) as nested:
        keep(replace(draft, slug="outer", contents=(bundle,)))
    with pytest.raises(DraftRefused) as inner:
        save(plain.id, contents=(make.product().id,))

    assert faults(nested) == {("contents", Fault.CONTENT_IS_BUNDLE)}
    assert faults(inner) == {("contents", Fault.INSIDE_A_BUNDLE)}


def test_a_copy_has_the_texts_and_tiers_but_has_sold_nothing(
    database: Database, make: Factory, editor: User
) -> None:
    product = make.product(price=baht(300), stock=10, sold_count=7, featured=True)
    make.reduced(product, original=baht(500))
    with database.transaction() as session:
        session.get_one(Variant, product.variants[0].id).sold = 4

    copies = []
    for _ in range(2):
        with database.transaction() as session:
            copies.append(duplicate_product(session, product.id, actor_id=editor.id, now=NOW))

    with database.reading() as session:
        first, second = (session.get_one(Product, one) for one in copies)
        tier = session.scalars(select(Variant).where(Variant.product_id == first.id)).one()
    assert (first.slug, second.slug) == (f"{product.slug}-copy", f"{product.slug}-copy-2")
    assert (first.status, first.sold_count, first.featured) == ("draft", 0, False)
    assert (first.name_en, first.name_th) == (
        f"{product.name_en} (copy)",
        f"{product.name_th} (สำเนา)",
    )
    assert (tier.stock, tier.sold, tier.original_price_satang) == (10, 0, None)
    assert audit_of(database, first.id)[0].action == "duplicate_product"


def test_a_draft_nobody_bought_can_be_deleted(
    database: Database, draft: ProductDraft, keep: Callable[..., UUID], editor: User, make: Factory
) -> None:
    product_id = keep(replace(draft, contents=(make.product().id,)))

    with database.transaction() as session:
        delete_draft(session, product_id, actor_id=editor.id)

    with database.reading() as session:
        assert session.get(Product, product_id) is None
    assert [one.action for one in audit_of(database, product_id)] == [
        "create_product",
        "delete_product",
    ]


def test_what_is_on_the_shelf_or_in_use_cannot_be_deleted(
    database: Database, make: Factory, editor: User
) -> None:
    published, carted, part = (
        make.product(),
        make.product(status="draft"),
        make.product(status="draft"),
    )
    make.cart(make.user(), (carted, 1))
    make.bundle(part)
    codes = []

    for product in (published, carted, part):
        with database.transaction() as session:
            with pytest.raises(Conflict) as refusal:
                delete_draft(session, product.id, actor_id=editor.id)
            codes.append(refusal.value.code)

    assert codes == ["product_not_draft", "product_in_use", "product_in_use"]
    assert len(stands(database, carted.id).tiers) == 1
    assert audit_of(database, carted.id) == []


def test_a_product_on_the_shelf_has_to_stay_fit_for_it(
    database: Database, make: Factory, save: Callable[..., None], editor: User
) -> None:
    product = make.product()

    with pytest.raises(DraftRefused) as refusal:
        save(product.id, summary_th="", tiers=())
    with database.transaction() as session:
        set_status(session, product.id, ProductStatus.DRAFT, actor_id=editor.id, now=NOW)
    save(product.id, summary_th="", tiers=())

    assert faults(refusal) == {("summary_th", Fault.MISSING), ("tiers", Fault.NO_TIER)}
    assert stands(database, product.id).tiers == ()
