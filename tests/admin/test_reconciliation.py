"""The reconciliation panel: every state, every difference in words, notes, and who may look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from admin.reconciliation_texts import CHECKS
from storefront.accounts.models import AuditEntry, Role
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import baht
from storefront.outbox import OutboxMessage
from storefront.reconciliation.checks import ALL_CODES
from storefront.reconciliation.flow import reconcile
from storefront.reconciliation.models import Difference, DifferenceNote, ReconciliationRun
from storefront.sandbox.serve import RunningSandbox
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.books import Books, opened_books
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

HOME = "/en/admin/reconciliation"


@pytest.fixture
def books(shop: Shop, make: Factory, sandbox: RunningSandbox) -> Iterator[Books]:
    """The books of an empty shop."""
    with opened_books(shop, make, sandbox) as books:
        yield books


def read(staff: FlaskClient, path: str = "") -> str:
    page = staff.get(HOME + path)
    assert page.status_code == 200, page.text
    return text_of_page(page)


def runs(books: Books) -> list[ReconciliationRun]:
    with books.shop.database.reading() as session:
        return list(session.scalars(select(ReconciliationRun).order_by(ReconciliationRun.id)))


def test_a_shop_that_never_compared_says_so_and_offers_it(staff: FlaskClient, books: Books) -> None:
    assert "Never compared yet" in read(staff)
    assert "Never compared yet" in read(staff, "/runs")
    assert "Nothing was resolved yet" in read(staff, "/resolved")

    begun = submit(staff, staff.get(HOME), "/runs")

    assert begun.status_code == 303
    assert "The reconciliation has begun." in read(staff)
    (run,) = runs(books)
    with books.shop.database.reading() as session:
        assert session.scalars(select(OutboxMessage.task)).all() == ["reconcile"]
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "start_reconciliation")
        ).one()
    assert entry.subject_id == str(run.id)
    assert "Began a reconciliation" in text_of_page(staff.get("/en/admin/audit"))


def test_while_one_runs_its_steps_are_shown_and_no_second_begins(
    staff: FlaskClient, books: Books
) -> None:
    submit(staff, staff.get(HOME), "/runs")
    page = staff.get(HOME)
    assert "Copying from Stripe" in text_of_page(page)
    assert 'hx-trigger="every 3s"' in page.text
    assert "Compare now" not in text_of_page(page)

    staff.post(f"{HOME}/runs")

    assert "A reconciliation is going on already." in read(staff)
    assert len(runs(books)) == 1


def test_the_bell_says_what_happened_and_leads_here(
    books: Books, client: FlaskClient, sign_in: SignIn
) -> None:
    books.control("stripe/movements", kind="charge", amount=12_345)
    books.reconcile()
    run_id = books.begin()
    books.control(
        "stripe", fail_next=[{"match": "GET /v1/balance_transactions", "times": 99, "status": 503}]
    )
    for _ in range(5):
        reconcile(books.at(), run_id)
    sign_in(client, books.staff)

    page = client.get("/en/account/notifications")

    text = text_of_page(page)
    assert "New differences: 1, open in all: 1." in text
    assert "The reconciliation failed" in text
    assert page.text.count('href="/en/admin/reconciliation"') == 2


def test_a_page_that_watches_hears_only_of_news(staff: FlaskClient, books: Books) -> None:
    run_id = books.begin()
    fragment = {"HX-Request": "true", "HX-Request-Type": "partial"}
    page = staff.get(HOME)
    address = page.text.split('hx-get="')[1].split('"')[0]

    assert staff.get(address, headers=fragment).status_code == 204
    with books.shop.database.transaction() as session:
        session.execute(update(ReconciliationRun).values(step="fetch", movements=7))
    news = staff.get(address, headers=fragment)
    assert news.text.strip().startswith('<div id="run-status"')
    assert "Movements copied: 7" in news.text
    assert "<html" not in news.text

    reconcile(books.at(), run_id)
    ended = staff.get(address, headers=fragment)
    assert ended.headers["HX-Redirect"] == HOME


def test_a_clean_run_shows_both_sides_and_no_difference(staff: FlaskClient, books: Books) -> None:
    books.sell(baht(1_000))
    books.control("stripe/movements", kind="payout", amount=-50_000)
    run = books.reconcile()

    text = read(staff)

    assert "Everything agrees" in text
    # 1,000 baht less 3.65 % and 10 baht.
    assert "Earned ฿953.50 ฿953.50 ฿0" in text
    assert "Paid out to the bank −฿500" in text
    assert "Lies at Stripe ฿453.50" in text
    assert "Open differences None." in text
    assert "begun by" in text
    detail = read(staff, f"/runs/{run.id}")
    assert "Movements copied from Stripe 2" in detail
    assert "Fees booked 1" in detail
    assert "Nothing new." in detail


def test_a_difference_says_what_it_means_and_leads_to_what_is_behind_it(
    staff: FlaskClient, books: Books
) -> None:
    payment = books.sell(baht(490))
    movement = books.movements()[0].id
    books.act(movement, "hide")
    run = books.reconcile()
    difference = books.only()

    text = read(staff)
    assert "1 difference is open." in text
    assert "Our books have a payment that Stripe does not have" in text
    assert payment.gateway_payment_id or "" in text
    assert "฿490 Our books" in text
    assert "nothing Stripe" in text
    assert "Our books have a payment" in read(staff, f"/runs/{run.id}")

    page = staff.get(f"{HOME}/differences/{difference.id}")
    assert "What likely happened" in text_of_page(page)
    assert "Search Stripe for this number" in text_of_page(page)
    assert f"/admin/orders/{payment.subject_id}" in page.text

    books.act(movement, "show")
    books.reconcile()
    assert "Open differences None." in read(staff)
    assert "Gone with this run: 1." in read(staff)
    assert "Our books have a payment" in read(staff, "/resolved")
    assert "Resolved" in read(staff, f"/differences/{difference.id}")


def test_a_difference_leads_to_its_payment_and_its_posting(
    staff: FlaskClient, books: Books
) -> None:
    books.sell()
    books.act(books.movements()[0].id, "hide")
    books.reconcile()
    page = staff.get(f"{HOME}/differences/{books.only().id}")
    for address in ("/admin/payments/", "/admin/ledger/"):
        assert address in page.text


def test_a_run_that_waits_or_failed_says_why(
    staff: FlaskClient, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.sell()
    books.reconcile()
    run_id = books.begin(timedelta(hours=3))
    books.control(
        "stripe", fail_next=[{"match": "GET /v1/balance_transactions", "times": 99, "status": 503}]
    )
    reconcile(books.at(timedelta(hours=3)), run_id)
    text = read(staff)
    assert "Waiting for Stripe" in text
    assert "The run goes on by itself at" in text
    assert "As of the run of" in text

    for _ in range(4):
        reconcile(books.at(timedelta(hours=3)), run_id)
    text = read(staff)
    assert "Stripe could not be compared" in text
    assert "the next run compares what this one could not" in text
    assert "APIError 503" in read(staff, f"/runs/{run_id}")


def test_every_check_is_explained_in_four_ways() -> None:
    assert set(CHECKS) == set(ALL_CODES)
    for texts in CHECKS.values():
        assert all(str(one).endswith(".") for one in (texts.meaning, texts.likely, texts.todo)), (
            texts.title
        )


def test_a_difference_of_a_newer_version_is_shown_too(staff: FlaskClient, books: Books) -> None:
    books.control("stripe/movements", kind="charge", amount=12_345)
    books.reconcile()
    with books.shop.database.transaction() as session:
        session.execute(update(Difference).values(check_code="of_tomorrow"))

    assert "Something differs" in read(staff)


def test_a_note_is_kept_with_its_author_once(staff: FlaskClient, books: Books) -> None:
    books.control("stripe/movements", kind="charge", amount=12_345)
    books.reconcile()
    path = f"{HOME}/differences/{books.only().id}"
    page = staff.get(path)
    for _ in range(2):
        sent = submit(staff, page, "/notes", note="Paid by the <b>landlord</b>, given back.")
        assert sent.status_code == 303

    page = staff.get(path)
    text = text_of_page(page)
    assert "Mali" in text
    assert "Paid by the <b>landlord</b>, given back." in text
    assert "<b>landlord" not in page.text
    with books.shop.database.reading() as session:
        assert len(session.scalars(select(DifferenceNote)).all()) == 1
        audited = session.scalars(
            select(AuditEntry.detail).where(AuditEntry.action == "note_difference")
        ).all()
    assert audited == [{"note": "Paid by the <b>landlord</b>, given back."}]


@pytest.mark.parametrize("body", ["", "   ", "x" * 501, "\0"])
def test_a_note_that_says_nothing_or_too_much_is_refused_and_kept_in_the_form(
    staff: FlaskClient, books: Books, body: str
) -> None:
    books.control("stripe/movements", kind="charge", amount=12_345)
    books.reconcile()
    page = staff.get(f"{HOME}/differences/{books.only().id}")

    refused = submit(staff, page, "/notes", note=body)

    assert refused.status_code == 422
    assert "Write a note of up to 500 characters." in text_of_page(refused)
    assert "Nobody has noted anything yet." in text_of_page(refused)


@pytest.mark.parametrize("what", ["runs", "differences"])
@pytest.mark.parametrize("which", ["nonsense", "01a1fcf8-0000-7000-8000-000000000000", "%00"])
def test_what_does_not_exist_is_not_found(staff: FlaskClient, what: str, which: str) -> None:
    assert staff.get(f"{HOME}/{what}/{which}").status_code == 404
    if what == "differences":
        sent = staff.post(f"{HOME}/differences/{which}/notes", data={"note": "x"})
        assert sent.status_code == 404


def test_moderators_and_customers_find_no_such_page(
    client: FlaskClient, make: Factory, sign_in: SignIn, books: Books
) -> None:
    for role in (Role.CUSTOMER, Role.MODERATOR):
        sign_in(client, make.user(role=role))
        for path in ("", "/runs", "/resolved", f"/runs/{new_id()}", f"/differences/{new_id()}"):
            assert client.get(HOME + path).status_code == 404
        assert client.post(f"{HOME}/runs").status_code == 404
        assert "Reconciliation" not in client.get("/en/admin").text
    assert runs(books) == []


def test_lists_are_paged_and_stay_under_the_ceiling_of_queries(
    staff: FlaskClient, books: Books
) -> None:
    for amount in range(1_000, 1_045):
        books.control("stripe/movements", kind="charge", amount=amount)
    books.reconcile()
    seen = 0
    for path, name in (("", "Older differences"), ("/resolved", "Older")):
        if path:
            books.control("stripe/forget")
            with books.shop.database.transaction() as session:
                session.execute(update(Difference).values(resolved_at=books.shop.clock()))
        page = staff.get(HOME + path)
        for _ in range(2):
            with counted_queries(books.shop.database.engine) as statements:
                assert staff.get(HOME + path).status_code == 200
            assert len(statements) <= QUERY_CEILING
            assert name in text_of_page(page)
            seen += page.text.count("/admin/reconciliation/differences/")
            cursor = page.text.split("cursor=")[-1].split('"')[0].split("#")[0]
            page = staff.get(f"{HOME}{path}?cursor={cursor}")
        assert name not in text_of_page(page)
        seen += page.text.count("/admin/reconciliation/differences/")
    assert seen == 2 * 45
    for cursor in ("x", "%00", "WyJ4IiwieSJd"):
        assert staff.get(f"{HOME}?cursor={cursor}").status_code == 200
        assert staff.get(f"{HOME}/resolved?cursor={cursor}").status_code == 200
