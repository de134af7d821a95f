"""A member's receipts: whose they are, what they say, in both languages, as a page and as a PDF."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.kit.money import Money, baht
from storefront.mails import compose_mail
from storefront.orders.models import Order, PaymentMethod
from storefront.payments.models import Payment
from storefront.printing import press
from storefront.receipts.models import Receipt
from storefront.receipts.queries import list_receipts
from storefront.wallet.models import TopUp
from tests.storefront.orders.purchases import MEMBER_CEILING, buy, counted_queries
from tests.storefront.receipts.refunding import give_back, receipts_of, register_seller
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

LIST = "/account/receipts"
HOSTILE = "#panic() <script>alert(1)</script> $x$ *b* \\ \" ' 😀"


@pytest.fixture
def buyer(make: Factory, client: FlaskClient, sign_in: SignIn) -> User:
    """Whoever is signed in."""
    user = make.user(display_name="Somchai")
    sign_in(client, user)
    return user


@pytest.fixture
def order(shop: Shop, make: Factory, buyer: User) -> Order:
    """An order of 1,070 baht, with VAT."""
    register_seller(shop, make.user(role="admin"))
    product = make.product(price=baht(1_070), name_th="โรงรถ", name_en="Garage")
    return buy(shop, make, buyer, (product, 1))


def test_the_page_holds_seller_buyer_lines_and_vat(
    shop: Shop, client: FlaskClient, order: Order
) -> None:
    (receipt,) = receipts_of(shop, order)

    page = text_of_page(client.get(f"/en{LIST}/{receipt.id}"))

    for words in (
        "Tax invoice (abbreviated) / Receipt ใบกำกับภาษีอย่างย่อ/ใบเสร็จรับเงิน",
        "RC-20",
        "QR Studio Co., Ltd.",
        "99 Serithai Road",
        "Tax id 0105561177671 (head office)",
        "02 123 4567 · billing@example.com",
        "Somchai",
        order.reference,
        "Garage",
        "Value before VAT 1,000.00 VAT 7 % 70.00 Total 1,070.00",
        "Paid by Wallet",
    ):
        assert words in page


def test_in_thai_it_has_the_name_of_the_law_the_buddhist_year_and_the_amount_in_words(
    shop: Shop, client: FlaskClient, order: Order
) -> None:
    (receipt,) = receipts_of(shop, order)

    page = text_of_page(client.get(f"{LIST}/{receipt.id}"))

    assert "ใบกำกับภาษีอย่างย่อ/ใบเสร็จรับเงิน Tax invoice (abbreviated) / Receipt" in page
    assert "บริษัท คิวอาร์ สตูดิโอ จำกัด" in page
    assert "(หนึ่งพันเจ็ดสิบบาทถ้วน)" in page
    assert re.search(r"25[6-9]\d", page)


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_the_pdf_is_named_after_its_number(
    shop: Shop, client: FlaskClient, order: Order, prefix: str
) -> None:
    (receipt,) = receipts_of(shop, order)

    answer = client.get(f"{prefix}{LIST}/{receipt.id}.pdf")

    (numbered,) = receipts_of(shop, order)
    assert answer.status_code == 200
    assert answer.mimetype == "application/pdf"
    assert answer.get_data().startswith(b"%PDF-")
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="{numbered.reference}.pdf"'
    )
    assert answer.headers["Cache-Control"] == "no-store"
    other = client.get(f"{'/en' if not prefix else ''}{LIST}/{receipt.id}.pdf")
    assert other.get_data() != answer.get_data()


def test_hostile_names_stand_on_page_and_pdf_as_they_were_typed(
    shop: Shop, client: FlaskClient, make: Factory, buyer: User
) -> None:
    with shop.database.transaction() as session:
        session.execute(update(User).where(User.id == buyer.id).values(display_name=HOSTILE))
    order = buy(shop, make, buyer, (make.product(name_en=HOSTILE, price=baht(10)), 1))
    (receipt,) = receipts_of(shop, order)

    page = client.get(f"/en{LIST}/{receipt.id}")

    assert text_of_page(page).count(HOSTILE) >= 2
    assert "<script>alert" not in page.text
    pdf = client.get(f"/en{LIST}/{receipt.id}.pdf").get_data()
    assert pdf.startswith(b"%PDF-")


def test_while_the_press_stands_still_the_page_is_there(
    shop: Shop, client: FlaskClient, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    (receipt,) = receipts_of(shop, order)
    monkeypatch.setattr(press, "MOST_DATA_BYTES", 1)

    answer = client.get(f"/en{LIST}/{receipt.id}.pdf")

    assert answer.status_code == 503
    assert "The PDF cannot be made right now." in text_of_page(answer)
    assert client.get(f"/en{LIST}/{receipt.id}").status_code == 200


def test_a_credit_note_leads_to_its_receipt_and_says_when_it_is_void(
    shop: Shop, client: FlaskClient, order: Order
) -> None:
    give_back(shop, order, baht(535))
    receipt, note = receipts_of(shop, order)

    page = client.get(f"/en{LIST}/{note.id}")

    words = text_of_page(page)
    (numbered, _note) = receipts_of(shop, order)
    assert "Credit note ใบลดหนี้" in words
    assert f"Corrects {numbered.reference} of" in words
    assert "Original value 1,070.00 Correct value 535.00" in words
    assert "VAT 7 % 35.00 Amount refunded 535.00" in words
    assert "Reason Did not fit the server" in words
    assert f"{LIST}/{receipt.id}" in page.text
    assert "void" not in words.lower()
    assert client.get(f"/en{LIST}/{note.id}.pdf").status_code == 200


def test_the_list_and_the_order_page_lead_to_the_papers(
    shop: Shop, client: FlaskClient, make: Factory, buyer: User, order: Order
) -> None:
    make.topup(buyer, baht(300))
    give_back(shop, order, baht(70))
    foreign = buy(shop, make, make.user(), (make.product(), 1))

    listed = client.get(f"/en{LIST}")
    shown = client.get(f"/en/account/orders/{order.id}")

    receipt, note = receipts_of(shop, order)
    for paper in (receipt, note):
        for page in (listed, shown):
            assert f"{LIST}/{paper.id}" in page.text
            assert str(paper.reference) in page.text
    words = text_of_page(listed)
    assert "Receipt for money put into the wallet" in words
    assert "−฿70" in words
    assert str(receipts_of(shop, foreign)[0].id) not in listed.text


def test_a_free_order_and_a_new_account_show_no_receipt(
    shop: Shop, client: FlaskClient, make: Factory, buyer: User
) -> None:
    free = buy(shop, make, buyer, (make.product(price=Money(0)), 1), method=PaymentMethod.FREE)

    assert "No receipts yet" in text_of_page(client.get(f"/en{LIST}"))
    assert 'id="receipts"' not in client.get(f"/en/account/orders/{free.id}").text


@pytest.mark.parametrize("ending", ["", ".pdf"])
def test_somebody_elses_receipt_is_not_found_even_for_staff(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, order: Order, ending: str
) -> None:
    (receipt,) = receipts_of(shop, order)
    for stranger in (make.user(), make.user(role="admin")):
        sign_in(client, stranger)
        for wanted in (receipt.id, new_id(), "x", "RC-2026-000001"):
            assert client.get(f"/en{LIST}/{wanted}{ending}").status_code == 404


def test_pages_of_the_list_follow_each_other(shop: Shop, make: Factory) -> None:
    user = make.user()
    for _ in range(5):
        make.topup(user, baht(20))
    seen, cursor = [], None

    with shop.database.reading() as session:
        while True:
            found = list_receipts(session, user.id, cursor=cursor, limit=2)
            seen += [row.id for row in found.items]
            cursor = found.next_cursor
            if cursor is None:
                break
        everything = session.scalars(select(Receipt.id).order_by(Receipt.id.desc())).all()

    assert seen == everything


def test_no_page_takes_more_queries_with_more_receipts(
    shop: Shop, client: FlaskClient, make: Factory, buyer: User, order: Order
) -> None:
    for _ in range(15):
        make.topup(buyer, baht(20))
    (receipt,) = receipts_of(shop, order)
    client.get(f"/en{LIST}")

    for page in (f"/en{LIST}", f"/en{LIST}/{receipt.id}", f"/en/account/orders/{order.id}"):
        with counted_queries(shop.database.engine) as queries:
            assert client.get(page).status_code == 200
        assert len(queries) <= MEMBER_CEILING, page


def test_mails_about_money_lead_to_the_paper(
    shop: Shop, make: Factory, buyer: User, order: Order
) -> None:
    make.topup(buyer, baht(300))
    free = buy(shop, make, buyer, (make.product(price=Money(0)), 1), method=PaymentMethod.FREE)
    with shop.database.reading() as session:
        topup = session.scalars(select(TopUp)).one()
        payment = session.scalars(select(Payment)).one()
        papers = {paper.kind: paper.id for paper in session.scalars(select(Receipt))}
        mails = {
            event: compose_mail(session, shop.settings, event=event, subject_id=subject)
            for event, subject in (
                ("order_completed", order.id),
                ("topup_completed", topup.id),
                ("payment_credited", payment.id),
            )
        }
        bare = compose_mail(session, shop.settings, event="order_completed", subject_id=free.id)

    wanted = {"order_completed": "order", "topup_completed": "advance"}
    for event, mail in mails.items():
        assert mail is not None
        address = f"http://localhost/en{LIST}/{papers[wanted.get(event, 'advance')]}"
        assert address in mail.text
        assert address in mail.html
    assert bare is not None
    assert LIST not in bare.text + bare.html
