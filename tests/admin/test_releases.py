"""The versions of a product in the back office: archive in, published, taken back, restored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from jobs.outbox import sweep_outbox
from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product, Release
from storefront.catalog.releases import (
    list_releases,
)
from storefront.kit.ids import new_id
from storefront.outbox import OutboxMessage
from storefront.sandbox.serve import RunningSandbox
from tests.support.archives import GOOD_FILES, archive
from tests.support.browser import submit
from tests.support.factories import Factory, SignIn
from tests.support.pictures import picture

NOW = timedelta(0)
ACTIONS = ("words", "confirmation", "publication", "withdrawal", "restoration", "removal")
GOOD = archive()
OTHER = archive({**GOOD_FILES, "other.lua": b"return 2"})


@pytest.fixture
def product(make: Factory) -> Product:
    """Has version 1.0.0."""
    product: Product = make.product(slug="qr-garage")
    return product


@pytest.fixture
def page(product: Product) -> str:
    return f"/en/admin/products/{product.id}/releases"


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> User:
    user: User = make.user(role="admin")
    sign_in(client, user)
    return user


@pytest.fixture
def upload(client: FlaskClient, shop: Shop, staff: User, page: str) -> Callable[..., TestResponse]:
    """Through the web server, and then the worker has its turn."""

    def upload(body: bytes = GOOD, **typed: str) -> TestResponse:
        fields: dict[str, Any] = {
            "version": "1.1.0",
            "channel": "stable",
            "changelog_th": "- เร็วขึ้น",
            "changelog_en": "- Faster",
            **typed,
        }
        fields["archive"] = (BytesIO(body), "anything.zip")
        answer = client.post(page, data=fields, content_type="multipart/form-data")
        sweep_outbox(shop, overdue=NOW)
        return answer

    return upload


@pytest.fixture
def files_away(sandbox: RunningSandbox) -> Iterator[None]:
    """The file store answers 503 during this test."""
    requests.post(f"{sandbox.url}/control/s3", json={"down": True}, timeout=10)
    yield
    requests.post(f"{sandbox.url}/control/s3", json={"down": False}, timeout=10)


def versions_of(shop: Shop, product: Product) -> list[Release]:
    with shop.database.reading() as session:
        return list(list_releases(session, product.id))


def release_of(shop: Shop, product: Product, version: str) -> Release:
    return next(one for one in versions_of(shop, product) if one.version == version)


def actions_of(shop: Shop) -> list[str]:
    with shop.database.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_an_archive_becomes_a_draft_with_its_size_and_hash(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    answer = upload()

    release = release_of(shop, product, "1.1.0")
    assert answer.status_code == 303
    assert client.get(answer.location).location == f"{page}/{release.id}"
    assert (release.published_at, release.channel) == (None, "stable")
    assert (release.size_bytes, release.sha256) == (len(GOOD), sha256(GOOD).hexdigest())
    assert release.file_name == "qr-garage-1.1.0.zip"
    assert release.file_key.startswith("releases/qr-garage/")
    assert shop.files.read(release.file_key).body == GOOD
    assert actions_of(shop) == ["begin_upload", "add_release"]


def test_the_list_is_in_the_order_of_versions(
    client: FlaskClient, upload: Callable[..., TestResponse], page: str
) -> None:
    for version in ("1.10.0-beta.2", "1.9.0", "1.10.0", "1.10.0-beta.10"):
        assert upload(version=version).status_code == 303

    shown = client.get(page).text

    places = [
        shown.index(f">{version}<")
        for version in ("1.10.0", "1.10.0-beta.10", "1.10.0-beta.2", "1.9.0", "1.0.0")
    ]
    assert places == sorted(places)


def test_shoppers_see_a_version_from_publishing_until_it_is_taken_back(
    app: Flask,
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(version="2.0.0", changelog_en="- **Shiny** news")
    release = release_of(shop, product, "2.0.0")
    address, shown, shopper = f"{page}/{release.id}", "/en/products/qr-garage", app.test_client()
    assert "2.0.0" not in shopper.get(shown).text

    submit(client, client.get(address), f"{release.id}/publication")
    assert "<strong>Shiny</strong>" in shopper.get(shown).text
    published_at = release_of(shop, product, "2.0.0").published_at
    assert published_at is not None

    submit(client, client.get(address), f"{release.id}/withdrawal", reason="Deletes vehicles")
    assert "2.0.0" not in shopper.get(shown).text
    assert "2.0.0" not in shopper.get("/en/releases.xml").text

    submit(client, client.get(address), f"{release.id}/restoration")
    assert "<strong>Shiny</strong>" in shopper.get(shown).text
    assert release_of(shop, product, "2.0.0").published_at == published_at
    assert actions_of(shop) == [
        *("begin_upload", "add_release"),
        *("publish_release", "yank_release", "restore_release"),
    ]
    with shop.database.reading() as session:
        yanked = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "yank_release")
        ).one()
    assert yanked.detail["reason"] == "Deletes vehicles"
    assert (yanked.subject_type, yanked.subject_id) == ("product", str(product.id))


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
def test_taking_back_needs_a_reason(
    client: FlaskClient, shop: Shop, product: Product, staff: User, page: str, reason: str
) -> None:
    release = release_of(shop, product, "1.0.0")

    answer = client.post(f"{page}/{release.id}/withdrawal", data={"reason": reason})

    assert answer.status_code == 422
    assert "Write the reason" in answer.text
    assert release_of(shop, product, "1.0.0").yanked_at is None


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"version": "1.0.0"}, "already has that version"),
        ({"version": "v2"}, "Write a version like"),
        ({"version": ""}, "Write a version like"),
        ({"version": "๒.๐.๐"}, "Write a version like"),
        ({"version": "1.2.3\0"}, "archive"),
        ({"channel": "nightly"}, "Choose stable or beta"),
        ({"changelog_th": "ก" * 20_001}, "at most 20,000"),
    ],
    ids=["duplicate", "no version", "empty", "thai digits", "nul", "channel", "long"],
)
def test_a_refused_form_keeps_what_was_typed_and_stores_nothing(
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    typed: dict[str, str],
    words: str,
) -> None:
    body = b"no archive" if "\0" in typed.get("version", "") else GOOD
    answer = upload(body, **{"changelog_en": "typed before", **typed})

    assert answer.status_code in (409, 422)
    assert words in answer.text
    assert "typed before" in answer.text
    assert [one.version for one in versions_of(shop, product)] == ["1.0.0"]
    with shop.database.reading() as session:
        assert not session.scalars(select(OutboxMessage)).all()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not a ZIP"),
        (picture(), "not a ZIP"),
        (b"<html>", "not a ZIP"),
        (GOOD[:-10], "damaged or incomplete"),
        (archive({"../../evil.lua": b"1"}), "not safe to unpack"),
        (archive({"zeros": b"\0" * 30_000_000}), "at most 2 GB"),
    ],
    ids=["empty", "png", "html", "truncated", "path", "bomb"],
)
def test_a_bad_archive_is_refused_with_its_reason(
    shop: Shop, upload: Callable[..., TestResponse], product: Product, body: bytes, words: str
) -> None:
    answer = upload(body)

    assert answer.status_code == 422
    assert words in answer.text
    assert len(versions_of(shop, product)) == 1


def test_a_form_without_an_archive_asks_for_it(client: FlaskClient, staff: User, page: str) -> None:
    answer = client.post(page, data={"version": "2.0.0"}, content_type="multipart/form-data")

    assert answer.status_code == 422
    assert "Choose the ZIP archive" in answer.text
    assert 'value="2.0.0"' in answer.text


def test_a_published_file_never_changes(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload()
    before = release_of(shop, product, "1.1.0")
    client.post(f"{page}/{before.id}/publication")

    assert upload(OTHER).status_code == 409
    edited = client.post(
        f"{page}/{before.id}/words",
        data={"channel": "beta", "changelog_th": "", "changelog_en": "typo", "sha256": "0" * 64},
    )

    after = release_of(shop, product, "1.1.0")
    assert edited.status_code == 303
    assert (after.channel, after.changelog_en) == ("beta", "typo")
    assert (after.sha256, after.file_key, after.size_bytes) == (
        *(before.sha256, before.file_key, before.size_bytes),
    )
    assert shop.files.read(after.file_key).body == GOOD


def test_a_draft_can_be_thrown_away_and_its_version_used_again(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload()
    release = release_of(shop, product, "1.1.0")

    submit(client, client.get(f"{page}/{release.id}"), f"{release.id}/removal")

    assert [one.version for one in versions_of(shop, product)] == ["1.0.0"]
    assert upload(OTHER).status_code == 303
    assert release_of(shop, product, "1.1.0").sha256 == sha256(OTHER).hexdigest()


def test_what_was_published_cannot_be_thrown_away(
    client: FlaskClient, shop: Shop, product: Product, staff: User, page: str
) -> None:
    release = release_of(shop, product, "1.0.0")

    assert client.post(f"{page}/{release.id}/removal").status_code == 409
    assert client.post(f"{page}/{release.id}/publication").status_code == 303
    assert actions_of(shop) == [], "publishing again changes nothing"
    client.post(f"{page}/{release.id}/withdrawal", data={"reason": "broken"})
    assert client.post(f"{page}/{release.id}/publication").status_code == 409
    assert client.post(f"{page}/{release.id}/removal").status_code == 409


def test_versions_of_other_products_and_unknown_ones_are_not_found(
    client: FlaskClient, shop: Shop, make: Factory, product: Product, staff: User, page: str
) -> None:
    foreign = make.product()
    theirs = release_of(shop, foreign, "1.0.0").id

    for wanted in (theirs, new_id(), "nonsense"):
        assert client.get(f"{page}/{wanted}").status_code == 404
        for action in ACTIONS:
            data = {"reason": "x", "channel": "beta", "confirmed": "1"}
            assert client.post(f"{page}/{wanted}/{action}", data=data).status_code == 404
    assert release_of(shop, foreign, "1.0.0").yanked_at is None
    for unknown in (new_id(), "nonsense"):
        assert client.get(f"/en/admin/products/{unknown}/releases").status_code == 404


@pytest.mark.parametrize("role", ["customer", "moderator", None])
def test_only_people_who_manage_the_catalogue_get_in(
    client: FlaskClient,
    shop: Shop,
    make: Factory,
    sign_in: SignIn,
    product: Product,
    page: str,
    role: str | None,
) -> None:
    if role:
        sign_in(client, make.user(role=role))
    expected = 404 if role else 303
    release = release_of(shop, product, "1.0.0")

    for path in (page, f"{page}/new", f"{page}/{release.id}"):
        assert client.get(path).status_code == expected
    data = {"version": "2.0.0", "channel": "stable", "archive": (BytesIO(GOOD), "a.zip")}
    answer = client.post(page, data=data, content_type="multipart/form-data")
    assert answer.status_code == expected
    for action in ACTIONS:
        assert client.post(f"{page}/{release.id}/{action}").status_code == expected
    assert len(versions_of(shop, product)) == 1


def test_a_form_from_elsewhere_changes_nothing(
    app: Flask, shop: Shop, make: Factory, sign_in: SignIn, product: Product, page: str
) -> None:
    browser = app.test_client()
    sign_in(browser, make.user(role="admin"))
    release = release_of(shop, product, "1.0.0")

    answer = browser.post(f"{page}/{release.id}/withdrawal", data={"reason": "x"})

    assert answer.status_code == 422
    assert release_of(shop, product, "1.0.0").yanked_at is None


def test_a_store_that_is_away_leaves_no_version_behind(
    shop: Shop, upload: Callable[..., TestResponse], product: Product, files_away: None
) -> None:
    answer = upload(changelog_en="typed before")

    assert answer.status_code == 503
    assert "file service does not answer" in answer.text
    assert "typed before" in answer.text
    assert len(versions_of(shop, product)) == 1


def test_an_empty_product_says_so(
    client: FlaskClient, shop: Shop, product: Product, staff: User, page: str
) -> None:
    with shop.database.transaction() as session:
        session.delete(session.get_one(Release, release_of(shop, product, "1.0.0").id))

    assert "No version yet" in client.get(page).text


def test_markdown_of_a_changelog_is_cleaned(
    client: FlaskClient,
    shop: Shop,
    upload: Callable[..., TestResponse],
    product: Product,
    page: str,
) -> None:
    upload(changelog_en="<script>alert(1)</script> [x](javascript:alert(1))")
    release = release_of(shop, product, "1.1.0")

    shown = client.get(f"{page}/{release.id}").text

    assert "<script>alert" not in shown
    assert 'href="javascript' not in shown
