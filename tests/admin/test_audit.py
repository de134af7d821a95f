"""The audit log: what it shows, how it is filtered, and its file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from storefront.accounts.audit import Change, changes_in, facts_in
from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from tests.storefront.orders.purchases import QUERY_CEILING, counted_queries
from tests.support.browser import text_of_page
from tests.support.factories import Factory, SignIn

PAGE = "/en/admin/audit"


@pytest.fixture
def admin(client: FlaskClient, make: Factory, sign_in: SignIn) -> User:
    """An admin, signed in."""
    user = make.user(role="admin", display_name="Mali", username="mali")
    sign_in(client, user)
    return user


def note(
    shop: Shop,
    action: str,
    *,
    actor: User | None = None,
    subject: tuple[str, UUID] | None = None,
    detail: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> UUID:
    kind, subject_id = subject or ("product", new_id())
    entry = AuditEntry(
        id=new_id(),
        actor_id=actor.id if actor else None,
        action=action,
        subject_type=kind,
        subject_id=str(subject_id),
        detail=dict(detail or {}),
        created_at=at or shop.clock(),
    )
    with shop.database.transaction() as session:
        session.add(entry)
    return entry.id


def test_only_who_may_see_the_audit_gets_in(
    client: FlaskClient, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(role="moderator"))
    assert client.get(PAGE).status_code == 404
    assert client.get(f"{PAGE}.csv").status_code == 404
    assert "/admin/audit" not in client.get("/en/admin").text


def test_an_empty_audit_and_one_without_a_match_say_different_things(
    client: FlaskClient, shop: Shop, admin: User
) -> None:
    assert "Nothing has happened yet" in client.get(PAGE).text
    assert "No entry matches" in client.get(f"{PAGE}?action=sign_in").text


def test_an_entry_says_who_did_what_to_which_thing_with_values_before_and_after(
    client: FlaskClient, shop: Shop, make: Factory, admin: User
) -> None:
    product = make.product(name_en="Night garage")
    note(
        shop,
        "revoke_license",
        actor=admin,
        subject=("product", product.id),
        detail={
            "reason": "Refunded",
            "changes": {
                "price_satang": [99_000, 49_000],
                "starts_at": ["2026-11-21T10:00:00+00:00", None],
                "tags": [["a", "b"], ["a"]],
                "featured": [False, True],
            },
        },
    )

    text = text_of_page(client.get(PAGE))

    assert "Mali @mali" in text
    assert "Revoked a licence Product Night garage" in text
    assert "Reason Refunded" in text
    assert "Price before: ฿990 → after: ฿490" in text
    assert "Start before: 21 Nov 2026 17:00" in text
    assert "Tags before: a, b → after: a" in text
    assert "Put forward before: no → after: yes" in text


def test_a_category_is_called_by_its_name(
    client: FlaskClient, shop: Shop, make: Factory, admin: User
) -> None:
    shelf, gone = make.category("screens"), str(new_id())
    note(shop, "change_product", detail={"changes": {"category": [gone, str(shelf.id)]}})
    text = text_of_page(client.get(PAGE))
    assert f"before: {gone} → after: Shelf screens" in text


def test_the_shop_itself_unknown_actions_and_things_that_are_gone_read_well(
    client: FlaskClient, shop: Shop, admin: User
) -> None:
    gone = new_id()
    note(shop, "paint_the_shelf", subject=("wall_paper", gone))
    text = text_of_page(client.get(PAGE))
    assert "The shop itself" in text
    assert f"paint the shelf wall paper {str(gone)[:8]}" in text


def test_markup_in_an_entry_stays_text(client: FlaskClient, shop: Shop, admin: User) -> None:
    note(shop, "<b>x</b>", detail={"changes": {"<i>": ["<script>", "<s>"]}})
    page = client.get(PAGE).text
    assert "<script>" not in page.split("<main")[1]
    assert "&lt;script&gt;" in page


def test_a_long_text_is_cut_around_its_change(client: FlaskClient, shop: Shop, admin: User) -> None:
    long = "word " * 200
    changed = long[:700] + "CHANGED" + long[700:]
    note(shop, "change_product", detail={"changes": {"description_en": [long, changed]}})
    text = text_of_page(client.get(PAGE))
    assert "CHANGED" in text
    assert len(text) < 2_000


def test_filters_by_person_action_thing_and_day(
    client: FlaskClient, shop: Shop, make: Factory, admin: User
) -> None:
    other = make.user(role="moderator", display_name="Nok")
    sale = new_id()
    day = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)  # 11 March in Bangkok, 3 in the morning.
    note(shop, "first_thing", actor=admin, subject=("flash_sale", sale), at=day)
    note(shop, "second_thing", actor=other, at=day + timedelta(days=1))
    note(shop, "third_thing", actor=other, subject=("order", new_id()), at=day - timedelta(days=5))

    def shown(query: str) -> set[str]:
        text = client.get(f"{PAGE}?{query}").text.split('<ol class="audit"')
        return {
            word
            for word in ("first", "second", "third")
            if len(text) > 1 and f"{word} thing" in text[1]
        }

    assert shown("") == {"first", "second", "third"}
    assert shown(f"person={admin.id}") == {"first"}
    assert shown("action=second_thing") == {"second"}
    assert shown("subject=order") == {"third"}
    assert shown(f"subject=flash_sale&id={sale}") == {"first"}
    assert shown("from=2026-03-11&to=2026-03-11") == {"first"}
    assert shown("from=2026-03-12") == {"second"}
    assert shown("to=2026-03-10") == {"third"}
    assert shown(f"person={other.id}&action=first_thing") == set()


@pytest.mark.parametrize(
    "query",
    [
        "person=x",
        "from=2026-99-99&to=nonsense",
        "from=9999-12-31&to=0001-01-01",
        "cursor=forged",
        "id=%00&action=%00",
        "action=" + "x" * 5000,
    ],
)
def test_a_filter_that_makes_no_sense_is_no_crash(
    client: FlaskClient, shop: Shop, admin: User, query: str
) -> None:
    note(shop, "first_thing")
    assert client.get(f"{PAGE}?{query}").status_code == 200


def test_pages_are_walked_to_the_end_without_gap_or_repetition(
    client: FlaskClient, shop: Shop, admin: User
) -> None:
    written = [str(note(shop, f"thing_{n}")) for n in range(120)]
    seen: list[str] = []
    path: str | None = f"{PAGE}?subject=product"
    while path and len(seen) <= len(written):
        page = client.get(path).text
        seen += [part.split('"')[0] for part in page.split('<li id="entry-')[1:]]
        pager = page.partition('<nav class="admin-pager"')[2]
        older = [link for link in pager.split('href="') if "cursor=" in link.split('"')[0]]
        path = older[0].split('"')[0].replace("&amp;", "&") if older else None
    assert seen == written[::-1]


def test_the_file_holds_what_matches_and_no_formula(
    client: FlaskClient, shop: Shop, admin: User
) -> None:
    note(shop, "first_thing", actor=admin, detail={"changes": {"name_th": ["ก", "=2+5"]}})
    note(shop, "=HYPERLINK(1)")
    answer = client.get(f"{PAGE}.csv?subject=product")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    body = answer.data.decode()
    assert body.startswith("\ufeff")
    rows = list(csv.reader(StringIO(body.removeprefix("\ufeff"))))
    assert rows[0] == [
        *("time", "person", "username", "action", "subject_type", "subject_id", "detail")
    ]
    assert [row[3] for row in rows[1:]] == ["'=HYPERLINK(1)", "first_thing"]
    assert rows[2][1:3] == ["Mali", "mali"]
    assert "ก" in rows[2][6]
    assert len(list(csv.reader(StringIO(client.get(f"{PAGE}.csv?action=none").text)))) == 1


def test_a_page_takes_no_more_queries_with_more_entries(
    client: FlaskClient, shop: Shop, make: Factory, admin: User
) -> None:
    for n in range(30):
        kind, thing = (("product", make.product().id), ("user", admin.id))[n % 2]
        note(shop, "a_thing", actor=admin, subject=(kind, thing))
    with counted_queries(shop.database.engine) as queries:
        assert client.get(PAGE).status_code == 200
    assert 0 < len(queries) <= QUERY_CEILING, queries


@pytest.mark.parametrize(
    ("detail", "changes", "facts"),
    [
        ({}, [], []),
        ({"reason": "x"}, [], [("reason", "x")]),
        ({"changes": {"a": [1, 2]}, "n": 3}, [Change("a", 1, 2)], [("n", 3)]),
        ({"changes": {"a": {"before": 1, "after": 2}}}, [Change("a", 1, 2)], []),
        ({"changes": {"a": 2}}, [Change("a", None, 2)], []),
        ({"before": {"a": 1, "b": 2}, "after": {"a": 1, "b": 3}}, [Change("b", 2, 3)], []),
        ({"before": None, "after": {"a": 1}}, [Change("a", None, 1)], []),
        ({"changes": "all"}, [], [("changes", "all")]),
    ],
)
def test_every_shape_of_a_change_is_read(
    detail: Mapping[str, Any], changes: list[Change], facts: list[tuple[str, Any]]
) -> None:
    assert changes_in(detail) == changes
    assert facts_in(detail) == facts
