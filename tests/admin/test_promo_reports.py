"""Lists, reports and batches of promo codes, as staff see them."""

from __future__ import annotations

import csv
import io
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from storefront.bootstrap import Shop
from storefront.orders.models import PaymentMethod
from storefront.promos.models import PromoCode
from tests.admin.promo_pages import (
    BATCH,
    BATCHES,
    LIST,
    NEW,
    TYPED,
    follow,
    promos_of,
    use,
)
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

pytestmark = pytest.mark.usefixtures("sandbox_at_peace")


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> FlaskClient:
    """A browser in which an admin is signed in."""
    sign_in(client, make.user(role="admin"))
    return client


def test_tabs_show_counts_and_a_search_lands_where_its_matches_are(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    make.promo("RUNS")
    make.promo("PAUSED", active=False, note="<b>for friends</b>")
    make.promo("FLY-1", batch="Flyers", total_limit=1)
    text = text_of_page(staff.get(LIST))
    assert "Active (1) Planned (0) Used up (0) Expired (0) Switched off (1) Batches (1)" in text
    assert "RUNS" in text
    assert "PAUSED" not in text
    found = staff.get(f"{LIST}?q=friends")
    assert "PAUSED" in text_of_page(found)
    assert "<b>for friends" not in found.text
    assert "FLY-1" in text_of_page(staff.get(f"{LIST}?q=fly-"))
    assert "Flyers" in text_of_page(staff.get(f"{LIST}?tab=batches"))
    assert "No code matches “zzz” here" in text_of_page(staff.get(f"{LIST}?q=zzz"))
    assert "Nothing here" in text_of_page(staff.get(f"{LIST}?tab=planned"))
    assert staff.get(f"{LIST}?tab=%00&q=%00&cursor=x").status_code == 200


def test_a_long_list_comes_in_pages_at_the_same_price(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    product = make.product()
    for n in range(31):
        make.promo(f"CODE-{n:02}", covers=product)
    with counted_queries(shop.database.engine) as seen:
        page = staff.get(LIST)
    assert len(seen) <= QUERY_CEILING
    assert "CODE-30" in page.text
    assert ">CODE-00<" not in page.text
    older = re.search(r'href="([^"]+cursor=[^"]+)"', page.text)
    assert older is not None
    assert ">CODE-00<" in staff.get(older[1].replace("&amp;", "&")).text


def test_the_report_says_what_a_code_did_and_leads_to_the_orders(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    promo = make.promo()
    path = f"{LIST}/{promo.id}/report"
    assert "Nobody has used it yet" in text_of_page(staff.get(path))
    paid = use(shop, make, "TENTH")
    for _more in range(3):
        use(shop, make, "TENTH", PaymentMethod.STRIPE)
    with counted_queries(shop.database.engine) as seen:
        page = staff.get(path)
    assert len(seen) <= QUERY_CEILING
    text = text_of_page(page)
    assert "Used 1 orders paid with it Open 3" in text
    assert "Discount given ฿49 on the orders paid Revenue ฿441" in text
    assert "Nok" in text
    assert f'href="/en/admin/orders/{paid}"' in page.text


def test_pages_of_a_code_stay_under_the_ceiling(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    promo = make.promo(covers=make.product(), batch="Flyers")
    paths = (NEW, f"{LIST}/{promo.id}", f"{BATCHES}/new", f"{BATCHES}?name=Flyers")
    for path in paths:
        with counted_queries(shop.database.engine) as seen:
            assert staff.get(path).status_code == 200
        assert len(seen) <= QUERY_CEILING, (path, len(seen))


def test_many_codes_are_made_and_taken_away_as_a_file(
    staff: FlaskClient, shop: Shop, make: Factory
) -> None:
    page = submit(staff, staff.get(f"{BATCHES}/new"), "/batches", **BATCH)
    page = follow(staff, page)
    assert "20 codes are made." in page.text
    assert "15% off everything, once in all" in text_of_page(page)
    codes = promos_of(shop)
    assert {(one.total_limit, one.per_customer_limit, one.batch) for one in codes} == {
        (1, None, "Flyers")
    }
    use(shop, make, codes[0].code)
    answer = staff.get(f"{BATCHES}.csv?name=Flyers")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0] == ["code", "state", "used", "ends_at"]
    assert rows[1] == [codes[0].code, "used_up", "1", ""]
    assert [row[1] for row in rows[2:]] == ["active"] * 19


def test_a_batch_sent_twice_is_made_once(staff: FlaskClient, shop: Shop) -> None:
    assert staff.post(BATCHES, data=BATCH).status_code == 303
    again = staff.post(BATCHES, data=BATCH)
    assert again.status_code == 422
    assert "Nothing was made twice." in text_of_page(again)
    assert len(promos_of(shop)) == 20


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"count": "5001"}, "Make between 1 and 5,000 codes at once."),
        ({"count": "0"}, "Make between 1 and 5,000 codes at once."),
        ({"count": "-1"}, "Write how many codes to make"),
        ({"count": "lots"}, "Write how many codes to make"),
        ({"batch": ""}, "Name the batch in up to 40 characters."),
        ({"batch": "x" * 41}, "Name the batch in up to 40 characters."),
        ({"prefix": "ลด"}, "A prefix has up to 20 letters"),
        ({"value": "101"}, "A percentage lies between 0.01 and 100."),
        ({"ends_at": "2020-01-01T10:00"}, "The end has passed."),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_and_kept(
    staff: FlaskClient, shop: Shop, changes: dict[str, str], sentence: str
) -> None:
    page = staff.post(BATCHES, data={**BATCH, "note": "Kept as typed", **changes})
    assert page.status_code == 422
    assert sentence in text_of_page(page)
    assert 'value="Kept as typed"' in page.text
    assert promos_of(shop) == []


def test_a_batch_is_switched_off_and_deleted_as_a_whole(staff: FlaskClient, shop: Shop) -> None:
    staff.post(BATCHES, data={**BATCH, "batch": "Fair & <fun> ก"})
    page = staff.get(f"{LIST}?tab=batches")
    assert "Fair &amp; &lt;fun&gt; ก" in page.text
    where = re.search(r'href="([^"]+batches\?name=[^"]+)"', page.text)
    assert where is not None
    page = staff.get(where[1].replace("&amp;", "&"))
    page = follow(staff, submit(staff, page, "/batches/state"))
    assert "20 codes are off." in page.text
    assert not any(one.active for one in promos_of(shop))
    page = follow(staff, submit(staff, page, "/batches/state"))
    assert all(one.active for one in promos_of(shop))
    page = follow(staff, submit(staff, page, "/batches/removal"))
    assert "The batch is deleted." in page.text
    assert promos_of(shop) == []
    assert staff.get(f"{BATCHES}?name=gone").status_code == 404
    assert staff.get(BATCHES).location.endswith("/admin/promos?tab=batches")
    assert staff.get(f"{BATCHES}.csv?name=gone").status_code == 404


def test_the_audit_log_tells_it_in_words(staff: FlaskClient, shop: Shop) -> None:
    staff.post(LIST, data=TYPED)
    staff.post(BATCHES, data=BATCH)
    text = text_of_page(staff.get("/en/admin/audit"))
    assert "Created a promo code" in text
    assert "WELCOME10" in text
    assert "Made a batch of promo codes" in text
    with shop.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PromoCode)) == 21
