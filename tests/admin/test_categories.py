"""The category tree in the back office."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.catalog.models import Category
from storefront.catalog.search.models import SearchDocument
from storefront.db import Database
from storefront.outbox import OutboxMessage
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

PATH = "/en/admin/categories"


@pytest.fixture
def editor(make: Factory, client: FlaskClient, sign_in: SignIn) -> User:
    user = make.user(role="admin")
    sign_in(client, user)
    return user


def find(database: Database, slug: str) -> Category:
    with database.reading() as session:
        return session.scalars(select(Category).where(Category.slug == slug)).one()


def send(client: FlaskClient, path: str = "", **fields: object) -> tuple[int, str]:
    answer = client.post(f"{PATH}{path}", data=fields)
    return answer.status_code, answer.text


def actions(database: Database, category_id: UUID) -> list[str]:
    with database.reading() as session:
        query = select(AuditEntry.action).where(AuditEntry.subject_id == str(category_id))
        return list(session.scalars(query.order_by(AuditEntry.id)))


@pytest.mark.parametrize("role", ["customer", "moderator"])
def test_only_those_who_manage_the_catalogue_come_in(
    client: FlaskClient, make: Factory, sign_in: SignIn, database: Database, role: str
) -> None:
    sign_in(client, make.user(role=role))

    assert client.get(PATH).status_code == 404
    assert send(client, name_th="ก", name_en="A")[0] == 404
    with database.reading() as session:
        assert session.scalars(select(Category)).all() == []


def test_the_first_category_is_made_without_javascript(
    client: FlaskClient, editor: User, database: Database
) -> None:
    page = client.get(PATH)
    assert "No category yet" in page.text

    answer = submit(client, page, "/categories", name_th="สคริปต์", name_en="City Scripts")

    assert answer.status_code == 303
    made = find(database, "city-scripts")
    assert (made.name_th, made.parent_id) == ("สคริปต์", None)
    assert actions(database, made.id) == ["create_category"]
    assert "City Scripts" in text_of_page(client.get(PATH))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name_th": "", "name_en": "A"}, "both languages"),
        ({"name_th": "ก", "name_en": "  "}, "both languages"),
        ({"name_th": "ก", "name_en": "x" * 81}, "80 characters"),
        ({"name_th": "ก", "name_en": "A", "slug": "Not a slug"}, "single hyphens"),
        ({"name_th": "ก", "name_en": "ข"}, "single hyphens"),
        ({"name_th": "ก", "name_en": "A", "slug": "taken"}, "this address already"),
    ],
)
def test_a_bad_category_is_refused_with_what_was_typed_kept(
    client: FlaskClient,
    editor: User,
    make: Factory,
    database: Database,
    fields: dict[str, str],
    says: str,
) -> None:
    make.category("taken")

    status, text = send(client, **fields)

    assert status in (409, 422)
    assert says in text
    assert f'value="{fields["name_th"]}"' in text
    with database.reading() as session:
        assert len(session.scalars(select(Category)).all()) == 1


def test_an_unknown_parent_is_not_found(client: FlaskClient, editor: User) -> None:
    status, _text = send(
        client, name_th="ก", name_en="A", parent_id="01900000-0000-7000-8000-000000000001"
    )

    assert status == 404


def test_a_category_is_renamed_and_moved_inside_another(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    outer, inner = make.category("outer"), make.category("inner")

    status, _text = send(
        client, f"/{inner.id}", name_th="ใน", name_en="Inner", slug="inner", parent_id=outer.id
    )

    assert status == 303
    assert find(database, "inner").parent_id == outer.id
    assert find(database, "inner").name_en == "Inner"
    with database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.subject_id == str(inner.id))
        ).one()
    assert entry.detail["changes"]["parent_id"] == [None, str(outer.id)]


def test_saving_what_stands_already_leaves_no_trace(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    shelf = make.category("shelf")

    send(client, f"/{shelf.id}", name_th=shelf.name_th, name_en=shelf.name_en, slug="shelf")

    assert actions(database, shelf.id) == []


def test_a_category_cannot_stand_inside_itself_or_its_own_inside(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    outer, inner = make.category("outer"), make.category("inner")
    names = {"name_th": "ก", "name_en": "A"}
    send(client, f"/{inner.id}", **names, slug="inner", parent_id=outer.id)

    for parent in (outer, inner):
        status, text = send(client, f"/{outer.id}", **names, slug="outer", parent_id=parent.id)
        assert status == 409
        assert "cannot stand inside itself" in text
    assert find(database, "outer").parent_id is None


def test_categories_stand_at_most_five_deep(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    parent: object = ""
    for n in range(5):
        assert send(client, name_th="ก", name_en=f"L{n}", parent_id=parent)[0] == 303
        parent = find(database, f"l{n}").id

    status, text = send(client, name_th="ก", name_en="L5", parent_id=parent)

    assert status == 409
    assert "five deep" in text


def test_neighbours_change_places(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    shelves = {slug: make.category(slug) for slug in ("a", "b", "c")}

    send(client, f"/{shelves['c'].id}/place", step="up")
    send(client, f"/{shelves['a'].id}/place", step="up")
    send(client, f"/{shelves['a'].id}/place", step="down")

    with database.reading() as session:
        order = session.scalars(select(Category.slug).order_by(Category.position)).all()
    assert order == ["c", "a", "b"]
    assert actions(database, shelves["a"].id) == ["move_category"]


def test_only_an_empty_category_is_deleted(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    full, empty = make.category("full"), make.category("empty")
    make.product(category_id=full.id, status="archived")

    refused, text = send(client, f"/{full.id}/deletion")
    done, _text = send(client, f"/{empty.id}/deletion")

    assert (refused, done) == (409, 303)
    assert "Move them first" in text
    with database.reading() as session:
        assert session.scalars(select(Category.slug)).all() == ["full"]
    assert actions(database, empty.id) == ["delete_category"]


def test_a_new_name_is_found_by_the_search(
    client: FlaskClient, editor: User, make: Factory, database: Database
) -> None:
    shelf = make.category("shelf")
    product = make.product(category_id=shelf.id)
    with database.transaction() as session:
        session.add(SearchDocument(product_id=product.id, revision=1, words="", head=""))

    send(client, f"/{shelf.id}", name_th="ใหม่", name_en="New", slug="shelf")

    with database.reading() as session:
        assert session.scalars(select(SearchDocument.revision)).one() == -1
        assert session.scalars(select(OutboxMessage.task)).all() == ["index_stale"]


def test_the_page_asks_the_same_few_questions_for_any_number(
    client: FlaskClient, editor: User, make: Factory, shop: Shop
) -> None:
    for _ in range(12):
        make.category()

    with counted_queries(shop.database.engine) as queries:
        assert client.get(PATH).status_code == 200
    assert len(queries) <= QUERY_CEILING
