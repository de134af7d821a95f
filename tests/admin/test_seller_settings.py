"""Who sells, written down by staff: rules, constraints, and the second editor."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.db import Database
from storefront.receipts.models import SellerDetails
from storefront.receipts.seller import find_seller
from tests.concurrency.racing import codes_of, race
from tests.storefront.receipts.refunding import TAX_ID, register_seller
from tests.support.browser import forms_of, submit, text_of_page
from tests.support.factories import Factory

PAGE = "/en/admin/settings/seller"
GOOD = {
    "name_th": "ร้านคิวอาร์",
    "name_en": "QR Shop",
    "address_th": "99 ถนนเสรีไทย\nกรุงเทพฯ",
    "address_en": "99 Serithai Road\nBangkok",
    "tax_id": "0 1055 61177 67 1",
    "branch": "00012",
    "phone": "+66 2 123 4567",
    "email": "billing@example.com",
    "vat_rate": "7.5",
}


def saved(database: Database) -> SellerDetails | None:
    with database.reading() as session:
        return find_seller(session)


def send(staff: FlaskClient, **typed: Any) -> Any:
    return submit(staff, staff.get(PAGE), "/seller", **{**GOOD, **typed})


def test_before_anybody_wrote_it_down_the_shops_name_stands_there(
    shop: Shop, staff: FlaskClient
) -> None:
    page = staff.get(PAGE)

    (form,) = [one for one in forms_of(page) if one.action.endswith("/seller")]
    assert (form.fields["name_th"], form.fields["name_en"]) == (shop.settings.shop_name,) * 2
    assert (form.fields["branch"], form.fields["vat_rate"]) == ("00000", "7")
    assert "vat_on" not in form.fields
    assert "Not filled in yet" in text_of_page(page)


def test_what_is_saved_stands_in_the_form_and_in_the_audit(
    staff: FlaskClient, database: Database
) -> None:
    assert send(staff, vat_on="1").status_code == 303

    seller = saved(database)
    assert seller is not None
    assert (seller.tax_id, seller.branch, seller.vat_on) == (TAX_ID, "00012", True)
    assert (seller.vat_basis_points, seller.revision) == (750, 1)
    assert seller.address_th == "99 ถนนเสรีไทย\nกรุงเทพฯ"
    page = text_of_page(staff.get(PAGE))
    assert "Saved. Papers issued from now on carry it." in page
    assert "Not filled in yet" not in page
    with database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "change_seller")
        ).one()
    assert entry.detail["changes"]["tax_id"] == [None, TAX_ID]
    audit = text_of_page(staff.get("/en/admin/audit"))
    assert "Changed who sells" in audit
    assert "Tax id" in audit


def test_saving_the_same_again_changes_nothing(staff: FlaskClient, database: Database) -> None:
    send(staff)
    assert send(staff).status_code == 303

    seller = saved(database)
    assert seller is not None
    assert seller.revision == 1
    assert send(staff, phone="", email="", tax_id="", branch="").status_code == 303
    seller = saved(database)
    assert seller is not None
    assert (seller.phone, seller.email, seller.tax_id, seller.branch) == (None, None, None, "00000")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name_th": " "}, "Write the name in both languages"),
        ({"name_en": "x" * 161}, "Write the name in both languages"),
        ({"address_en": "x" * 401}, "Write the address"),
        ({"tax_id": "0105561177672"}, "This is no Thai tax id"),
        ({"tax_id": "123"}, "This is no Thai tax id"),
        ({"branch": "12"}, "five digits of the branch"),
        ({"phone": "call me"}, "Write a phone number"),
        ({"email": "billing"}, "This is not an e-mail address"),
        ({"vat_rate": "0"}, "Write a rate between"),
        ({"vat_rate": "100.01"}, "Write a rate between"),
        ({"vat_rate": "seven"}, "Write a rate between"),
        ({"vat_on": "1", "tax_id": ""}, "they need the tax id"),
    ],
)
def test_what_cannot_stand_on_a_paper_is_refused_at_its_field(
    staff: FlaskClient, database: Database, typed: dict[str, str], words: str
) -> None:
    answer = send(staff, **typed)

    assert answer.status_code == 422
    assert words in text_of_page(answer)
    assert 'aria-invalid="true"' in answer.text
    # What was typed still stands there.
    assert "99 Serithai Road" in answer.text or "address_en" in typed
    assert saved(database) is None


def test_the_second_of_two_editors_is_told(staff: FlaskClient, database: Database) -> None:
    page = staff.get(PAGE)
    assert submit(staff, page, "/seller", **GOOD).status_code == 303

    late = submit(staff, page, "/seller", **{**GOOD, "name_en": "Mine"})

    assert late.status_code == 409
    assert "Somebody else changed this" in text_of_page(late)
    assert 'value="Mine"' in late.text
    seller = saved(database)
    assert seller is not None
    assert seller.name_en == "QR Shop"


def test_two_first_editors_at_once_save_one_seller(shop: Shop, make: Factory) -> None:
    people = [make.user(role="admin") for _ in range(8)]

    outcomes = race([partial(register_seller, shop, one) for one in people])

    assert codes_of(outcomes) == ["edited_elsewhere"] * 7
    assert saved(shop.database) is not None


BAD = (
    "tax_id = '0105561177672'",
    "tax_id = 'abcdefghijklm'",
    "tax_id = '01055611776'",
    "tax_id = NULL",
    "vat_basis_points = 0",
    "vat_basis_points = 10001",
    "branch = '12'",
    "name_th = ' '",
    "id = 2",
)


@pytest.mark.parametrize("change", BAD)
def test_the_database_refuses_it_too(shop: Shop, make: Factory, change: str) -> None:
    register_seller(shop, make.user(role="admin"))

    with pytest.raises(IntegrityError), shop.database.transaction() as session:
        session.execute(text(f"UPDATE seller_details SET {change}"))
