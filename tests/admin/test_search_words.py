"""The search words of the back office, as a browser without JavaScript uses them."""

from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import AuditEntry
from storefront.bootstrap import Shop
from storefront.catalog.search.models import SearchWord
from tests.support.factories import Factory, SignIn

PAGE = "/en/admin/search-words"


def words(shop: Shop) -> list[tuple[str, str | None]]:
    with shop.database.reading() as session:
        rows = session.execute(select(SearchWord.word, SearchWord.same_as))
        return [(row.word, row.same_as) for row in rows]


def actions(shop: Shop) -> list[str]:
    with shop.database.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_staff_teach_a_word_and_take_it_back(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="admin"))
    answer = client.post(PAGE, data={"word": " การาจ ", "same_as": "Garage"})
    assert answer.status_code == 303
    assert words(shop) == [("การาจ", "garage")]
    assert "การาจ" in client.get(PAGE).text
    with shop.database.reading() as session:
        word_id = session.scalars(select(SearchWord.id)).one()
    assert client.post(f"{PAGE}/{word_id}/remove").status_code == 303
    assert words(shop) == []
    assert actions(shop) == ["add_search_word", "remove_search_word"]


def test_what_is_no_word_comes_back_as_it_was_typed(
    client: FlaskClient, shop: Shop, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="admin"))
    answer = client.post(PAGE, data={"word": "two <words>", "same_as": "one"})
    assert answer.status_code == 422
    assert "two &lt;words&gt;" in answer.text
    assert words(shop) == []


def test_a_word_that_is_gone_is_not_found(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="admin"))
    for word_id in ("nonsense", "01a1fd0f-04c1-76b3-9dd9-f82aef955981"):
        assert client.post(f"{PAGE}/{word_id}/remove").status_code == 404


def test_the_page_does_not_exist_for_others(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    for role in ("customer", "moderator"):
        sign_in(client, make.user(role=role))
        assert client.get(PAGE).status_code == 404
        assert client.post(PAGE, data={"word": "x"}).status_code == 404
