"""The catalogue as CSV: out, in again, and what two people at once do to it."""

from __future__ import annotations

import csv
from io import StringIO

from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.catalog.csv_files.service import forget_stale_files
from storefront.catalog.models import CatalogImport, Category, Product, Variant
from tests.admin.csv_uploads import (
    EXPORT,
    PAGE,
    cells_of,
    counts,
    file_of,
    row,
    run,
    tier,
    upload,
)
from tests.storefront.orders.purchases import counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn


def test_only_who_manages_the_catalogue_gets_in(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="moderator"))
    for path in (PAGE, EXPORT, f"{PAGE}/template.csv", f"{PAGE}/x"):
        assert client.get(path).status_code == 404
    for path in (PAGE, f"{PAGE}/x/execution"):
        assert client.post(path).status_code == 404


def test_a_file_is_checked_first_and_imported_on_request(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    body = file_of(row(), tier(tier_stock="5", tier_days="30", tier_slots="10"))

    checked = upload(staff, body, "เดือนนี้.csv")
    page = staff.get(checked.location)

    assert "Would be created 1" in text_of_page(page)
    assert "เดือนนี้.csv" in page.text
    assert counts(shop) == (0, 0, 1)
    done = staff.get(submit(staff, page, "/execution").location)
    assert "Imported: 1 created, 0 changed, 0 unchanged." in text_of_page(done)
    with shop.database.reading() as session:
        product = session.scalars(select(Product)).one()
        tiers = session.scalars(select(Variant).order_by(Variant.position)).all()
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "import_catalog")
        ).one()
    assert (product.status, product.name_th, product.resource_cost_us) == (
        "published",
        "โรงรถกลางคืน",
        10,
    )
    assert [(one.code, one.price_satang, one.stock) for one in tiers] == [
        ("standard", 99_000, -1),
        ("studio", 199_000, 5),
    ]
    assert (tiers[1].duration_days, tiers[1].slots) == (30, 10)
    assert entry.detail["created"] == 1


def test_the_same_file_twice_changes_nothing(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    body = file_of(row(tags="Garage, cars", features_en="Fast\nSafe"), tier())
    run(staff, body)
    with shop.database.reading() as session:
        before = session.scalars(select(Product)).one()

    again = staff.get(upload(staff, body).location)

    text = text_of_page(again)
    assert "Would be changed 0 Stay as they are 1" in text
    assert "Nothing to do" in text
    with shop.database.reading() as session:
        after = session.scalars(select(Product)).one()
    assert (after.revision, after.features_en) == (before.revision, ["Fast", "Safe"])


def test_what_was_exported_is_imported_without_a_change(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    first = make.product(
        description_en='=SUM(A1)\n- list; with, all "kinds"\n\'=quoted',
        name_th="@ร้าน",
        features_th=["+เร็ว", "ดี"],
        tags=["one", "two"],
        frameworks=["esx", "qbcore", "standalone"],
        dependencies=["ox_lib", "oxmysql"],
        resource_cost_us=1_230,
        docs_url="https://docs.example.com",
    )
    make.product(status="draft", stock=7, duration_days=30)
    make.bundle(first, make.product())

    body = staff.get(EXPORT).data

    assert body.startswith("\ufeff".encode())
    assert b"'=SUM(A1)" in body
    assert b"'@" in body
    checked = upload(staff, body)
    assert checked.status_code == 303, text_of_page(checked)
    assert "Would be changed 0 Stay as they are 4" in text_of_page(staff.get(checked.location))


def test_a_changed_price_is_named_and_nothing_else_is_touched(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product, other = make.product(), make.product()
    lines = list(csv.DictReader(StringIO(staff.get(EXPORT).data.decode("utf-8-sig"))))
    changed = [
        one | ({"tier_price": "1,290.50"} if one["slug"] == product.slug else {}) for one in lines
    ]

    page = staff.get(upload(staff, file_of(*changed)).location)

    assert "standard.tier_price" in page.text
    assert "Would be changed 1 Stay as they are 1" in text_of_page(page)
    submit(staff, page, "/execution")
    with shop.database.reading() as session:
        assert session.get_one(Variant, product.variants[0].id).price_satang == 129_050
        assert session.get_one(Product, product.id).revision == 2
        assert session.get_one(Product, other.id).revision == 1


def test_tiers_that_are_not_in_the_file_stay(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row(), tier()))
    run(staff, file_of(row(tier_code="studio", tier_name_en="Studio", tier_price="5")))
    with shop.database.reading() as session:
        tiers = session.scalars(select(Variant).order_by(Variant.position)).all()
    assert [(one.code, one.price_satang) for one in tiers] == [
        ("standard", 99_000),
        ("studio", 500),
    ]


def test_texts_may_stand_in_any_row_of_a_product(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    assert upload(staff, file_of(tier(), row())).status_code == 303


def test_a_product_can_be_taken_off_the_shelves_and_emptied_at_once(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row()))
    page = run(staff, file_of(row(status="archived", description_th="", summary_en="")))
    assert "0 created, 1 changed" in text_of_page(page)
    with shop.database.reading() as session:
        assert session.scalars(select(Product.status)).one() == "archived"


def test_a_product_changed_since_the_check_stops_the_whole_import(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row(), row(slug="other")))
    wanted = file_of(row(name_en="Mine"), row(slug="other", name_en="Mine too"))
    page = staff.get(upload(staff, wanted).location)
    with shop.database.transaction() as session:
        session.execute(
            update(Product)
            .where(Product.slug == "other")
            .values(name_en="Theirs", updated_at=shop.clock(), revision=Product.revision + 1)
        )

    refused = submit(staff, page, "/execution")

    assert refused.status_code == 409
    ((line, column, words),) = cells_of(refused)
    assert (line, column) == ("3", "slug")
    assert "Somebody changed “other” after this file was checked." in words
    with shop.database.reading() as session:
        names = set(session.scalars(select(Product.name_en)))
    assert names == {"Night garage", "Theirs"}


def test_a_category_gone_since_the_check_stops_the_import(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    page = staff.get(upload(staff, file_of(row())).location)
    with shop.database.transaction() as session:
        session.execute(update(Category).values(slug="renamed"))
    assert submit(staff, page, "/execution").status_code == 409
    assert counts(shop) == (0, 0, 1)


def test_a_file_is_imported_once(staff: FlaskClient, shop: Shop, shelf: Category) -> None:
    page = staff.get(upload(staff, file_of(row())).location)
    assert submit(staff, page, "/execution").status_code == 303
    again = submit(staff, page, "/execution")
    assert again.status_code == 409
    assert "This file was imported already." in again.text
    assert counts(shop) == (1, 1, 1)


def test_the_template_is_a_file_that_only_lacks_its_category(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    answer = staff.get(f"{PAGE}/template.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert upload(staff, answer.data).status_code == 303


def test_an_export_follows_status_and_category(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    shown, hidden = make.product(), make.product(status="draft")

    def slugs(query: str) -> list[str]:
        text = staff.get(f"{EXPORT}?{query}").data.decode("utf-8-sig")
        return [one["slug"] for one in csv.DictReader(StringIO(text))]

    assert slugs("") == [shown.slug, hidden.slug]
    assert slugs("status=draft") == [hidden.slug]
    assert slugs(f"category={shown.category_id}") == [shown.slug]
    assert slugs("status=nonsense&category=nonsense") == [shown.slug, hidden.slug]


def test_checking_costs_no_queries_per_product_that_stays(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    shelf = make.category()

    def cost() -> int:
        body = staff.get(EXPORT).data
        with counted_queries(shop.database.engine) as queries:
            assert upload(staff, body).status_code == 303
        return len(queries)

    make.product(category_id=shelf.id)
    few = cost()
    for _ in range(30):
        make.product(category_id=shelf.id)
    assert cost() == few


def test_files_never_imported_are_forgotten_after_a_week(
    staff: FlaskClient, shop: Shop, shelf: Category
) -> None:
    run(staff, file_of(row()))
    upload(staff, file_of(row(slug="other")))
    with shop.database.transaction() as session:
        session.execute(
            update(CatalogImport).values(created_at=func.now() - func.make_interval(0, 0, 0, 8))
        )
        forget_stale_files(session, now=shop.clock())
        left = session.scalars(select(CatalogImport.applied_at)).all()
    assert len(left) == 1
    assert left[0] is not None
