"""The form that gives a licence away: read back before it is done, and done once."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.kit.ids import new_id
from storefront.licenses.models import License
from tests.admin.licensing import audits, bought
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import forms_of, submit, text_of_page
from tests.support.factories import Factory, SignIn

NEW = "/en/admin/licenses/giveaways/new"
SENT = "/admin/licenses/giveaways"


@pytest.fixture
def receiver(make: Factory) -> User:
    return make.user(username="mali", display_name="Mali", email="mali@example.com")


@pytest.fixture
def product(make: Factory) -> Product:
    return make.product(name_en="QR Garage", duration_days=30)


def write(staff: FlaskClient, product: Product, **filled: object) -> TestResponse:
    """The form as somebody fills it in who makes no mistake."""
    typed = {"receiver": "@mali", "variant": product.variants[0].id, "reason": "won the contest"}
    return submit(staff, staff.get(NEW), SENT, **typed | filled)


def licenses(shop: Shop) -> list[License]:
    with shop.database.reading() as session:
        return list(session.scalars(select(License).order_by(License.id)))


def test_what_will_happen_is_said_with_the_person_before_it_is_done(
    shop: Shop, staff: FlaskClient, receiver: User, product: Product
) -> None:
    question = write(staff, product)

    text = text_of_page(question)
    for words in (
        *("Mali · @mali · mali@example.com", "QR Garage · Standard", "30 days from now"),
        *("won the contest", "A licence with a key of its own is made", "Yes, give it"),
    ):
        assert words in text, words
    assert licenses(shop) == []

    done = staff.get(submit(staff, question, SENT).location)

    (license,) = licenses(shop)
    assert license.user_id == receiver.id
    assert done.request.path.endswith(str(license.id))
    assert "1 licence was given to Mali." in done.text
    assert "A gift of the shop" in done.text
    assert [(one.action, one.detail["reason"]) for one in audits(shop)] == [
        ("give_license", "won the contest")
    ]
    listed = text_of_page(staff.get("/en/admin/licenses"))
    assert "a gift of the shop" in listed
    assert str(license.source_reference) not in listed
    assert "Gave a licence away" in staff.get("/en/admin/audit").text


def test_a_second_click_on_yes_gives_nothing_more(
    shop: Shop, staff: FlaskClient, receiver: User, product: Product
) -> None:
    question = write(staff, product)

    first, second = (submit(staff, question, SENT) for _ in range(2))

    assert second.location == first.location
    assert len(licenses(shop)) == 1


def test_a_form_that_gave_something_is_not_used_for_something_else(
    shop: Shop, staff: FlaskClient, receiver: User, product: Product, make: Factory
) -> None:
    question = write(staff, product)
    submit(staff, question, SENT)

    refused = submit(staff, question, SENT, variant=make.product().variants[0].id)

    assert refused.status_code == 422
    assert "This form has given something else already." in refused.text
    (form,) = [form for form in forms_of(refused) if form.action.endswith(SENT)]
    assert form.fields["form_key"] != licenses(shop)[0].source_reference
    assert len(licenses(shop)) == 1


def test_a_bundle_leads_to_all_that_came_of_it(
    shop: Shop, staff: FlaskClient, receiver: User, make: Factory
) -> None:
    question = write(staff, make.bundle(make.product(), make.product()))
    assert "2 licences are made, one for each product inside" in text_of_page(question)

    done = submit(staff, question, SENT)

    assert done.location.endswith(f"/admin/licenses?owner={receiver.id}")
    assert "2 licences were given to Mali." in staff.get(done.location).text


@pytest.mark.parametrize(
    ("filled", "words"),
    [
        ({"receiver": "nobody"}, "Nobody has this Discord name"),
        ({"receiver": ""}, "Nobody has this Discord name"),
        ({"receiver": "closed"}, "This account is suspended."),
        ({"receiver": "twin"}, "Several people match."),
        ({"variant": ""}, "Choose what to give."),
        ({"variant": "nonsense"}, "This tier does not exist."),
        ({"variant": str(new_id())}, "This tier does not exist."),
        ({"reason": "   "}, "Write a reason of at most 300 characters."),
        ({"reason": "x" * 400}, "Write a reason of at most 300 characters."),
        ({"receiver": "\0mali\0", "form_key": "<script>", "reason": ""}, "Write a reason"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    shop: Shop,
    staff: FlaskClient,
    receiver: User,
    product: Product,
    make: Factory,
    filled: dict[str, str],
    words: str,
) -> None:
    make.user(username="closed", banned_at=shop.clock())
    for _ in range(2):
        make.user(username="twin")

    refused = write(staff, product, **filled)

    assert refused.status_code == 422
    assert words in text_of_page(refused)
    (form,) = [form for form in forms_of(refused) if form.action.endswith(SENT)]
    assert form.fields["receiver"] == filled.get("receiver", "@mali").strip("\0")
    assert form.fields["reason"].strip() == filled.get("reason", "won the contest").strip()[:301]
    assert "<script>" not in form.fields["form_key"]
    assert licenses(shop) == []


def test_a_draft_is_not_offered_and_not_given(
    shop: Shop, staff: FlaskClient, receiver: User, make: Factory
) -> None:
    draft = make.product(status="draft", published_at=None, name_en="Not yet")

    assert "Not yet" not in staff.get(NEW).text
    refused = write(staff, draft)
    assert refused.status_code == 422
    assert "This product is a draft" in text_of_page(refused)


def test_who_got_the_name_meanwhile_is_read_back_first(
    shop: Shop, staff: FlaskClient, receiver: User, product: Product, make: Factory
) -> None:
    question = write(staff, product)
    with shop.database.transaction() as session:
        session.get_one(User, receiver.id).username = "mali-old"
    make.user(username="mali", display_name="Somebody else")

    asked = submit(staff, question, SENT)

    assert asked.status_code == 200
    assert "Somebody else · @mali" in text_of_page(asked)
    assert licenses(shop) == []


def test_only_who_manages_licences_gives_them_away(
    shop: Shop, client: FlaskClient, make: Factory, sign_in: SignIn, product: Product
) -> None:
    bought(shop, make)
    for person in (make.user(), make.user(role="moderator")):
        sign_in(client, person)
        assert client.get(NEW).status_code == 404
        assert client.post(f"/en{SENT}").status_code == 404
    assert "Give a licence away" not in client.get("/en/admin/licenses").text
    sign_in(client, make.user(role="admin"))
    assert "Give a licence away" in client.get("/en/admin/licenses").text


def test_the_form_takes_few_queries_however_much_is_sold(
    shop: Shop, staff: FlaskClient, make: Factory
) -> None:
    for _ in range(15):
        make.product()
    with counted_queries(shop.database.engine) as queries:
        page = staff.get(NEW)
    assert page.text.count("<option") == 16
    assert 0 < len(queries) <= QUERY_CEILING
