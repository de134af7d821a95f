"""The pages of an upload: begun by the page's script, watched, stopped, confirmed, published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from jobs.outbox import sweep_outbox
from storefront.accounts.models import AuditEntry, User
from storefront.bootstrap import Shop
from storefront.catalog.archives import MOST_BYTES
from storefront.catalog.models import Product, Release
from storefront.catalog.releases import list_releases
from storefront.catalog.uploads.models import ReleaseUpload, UploadState
from storefront.catalog.uploads.rules import PART_BYTES, count_parts, part_size
from storefront.errors import Invalid
from storefront.kit.ids import new_id
from storefront.sandbox.serve import RunningSandbox
from tests.support.archives import GOOD_FILES, archive
from tests.support.browser import submit
from tests.support.factories import Factory, SignIn

NOW = timedelta(0)
GOOD = archive()
SUSPICIOUS = archive({**GOOD_FILES, "qr-garage/tool.exe": b"MZ"})
TYPED = {"version": "1.1.0", "channel": "stable", "changelog_th": "", "changelog_en": "- Faster"}
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def product(make: Factory) -> Product:
    product: Product = make.product(slug="qr-garage")
    return product


@pytest.fixture
def page(product: Product) -> str:
    return f"/en/admin/products/{product.id}"


@pytest.fixture
def staff(client: FlaskClient, make: Factory, sign_in: SignIn) -> User:
    user: User = make.user(role="admin")
    sign_in(client, user)
    return user


@pytest.fixture
def send(client: FlaskClient, staff: User, page: str) -> Callable[..., TestResponse]:
    """What the page's script does: begin, each part straight to the store, complete."""

    def send(body: bytes = GOOD, **typed: str) -> TestResponse:
        begun = begin(client, page, len(body), **typed)
        plan = begun.json
        assert begun.status_code == 201, begun.text
        assert plan is not None
        for number in range(1, count_parts(len(body)) + 1):
            link = client.post(plan["parts_url"], data={"number": number}).json
            assert link is not None
            part = body[(number - 1) * plan["part_bytes"] : number * plan["part_bytes"]]
            requests.put(link["url"], data=part, timeout=10).raise_for_status()
        return client.post(plan["completion_url"])

    return send


def begin(client: FlaskClient, page: str, size: int, **typed: str) -> TestResponse:
    return client.post(f"{page}/uploads", data={**TYPED, "size": size, **typed})


def upload_of(shop: Shop) -> ReleaseUpload:
    with shop.database.reading() as session:
        return session.scalars(select(ReleaseUpload)).one()


def release_of(shop: Shop, product: Product, version: str = "1.1.0") -> Release:
    with shop.database.reading() as session:
        return next(one for one in list_releases(session, product.id) if one.version == version)


def test_a_script_sends_parts_and_watches_the_check(
    client: FlaskClient, shop: Shop, send: Callable[..., TestResponse], product: Product, page: str
) -> None:
    answer = send()

    assert answer.json is not None
    there = answer.json["location"]
    waiting = client.get(there)
    assert "being checked" in waiting.text
    assert client.get(f"{page}/releases").text.count("Being checked") == 1
    seen = {"seen": "uploaded"}
    assert client.get(there, query_string=seen, headers=HTMX).status_code == 204
    assert client.get(there, query_string={"seen": "uploading"}, headers=HTMX).status_code == 200

    sweep_outbox(shop, overdue=NOW)
    done = client.get(there, query_string=seen, headers=HTMX)
    release = release_of(shop, product)
    assert done.headers["HX-Redirect"] == f"{page}/releases/{release.id}"
    assert client.get(there).location == f"{page}/releases/{release.id}"
    assert "Nothing to worry about" in client.get(f"{page}/releases/{release.id}").text
    assert "Under way" not in client.get(f"{page}/releases").text


@pytest.mark.parametrize(
    ("typed", "status", "field"),
    [
        ({"version": "1.0.0"}, 409, "version"),
        ({"version": "v2"}, 422, "version"),
        ({"channel": "nightly"}, 422, "channel"),
        ({"changelog_th": "ก" * 20_001}, 422, "changelog_th"),
        ({"size": "0"}, 422, "archive"),
        ({"size": "-5"}, 422, "archive"),
        ({"size": "five"}, 422, "archive"),
        ({"size": str(MOST_BYTES + 1)}, 422, "archive"),
        ({"size": "9" * 40}, 422, "archive"),
    ],
)
def test_what_cannot_become_a_version_is_refused_at_its_control(
    client: FlaskClient,
    shop: Shop,
    staff: User,
    page: str,
    typed: dict[str, Any],
    status: int,
    field: str,
) -> None:
    answer = client.post(f"{page}/uploads", data={**TYPED, "size": "100", **typed})

    assert (answer.status_code, answer.is_json) == (status, True)
    assert answer.json is not None
    assert answer.json["field"] == field
    assert answer.json["text"]
    with shop.database.reading() as session:
        assert session.scalars(select(ReleaseUpload)).all() == []


def test_an_upload_with_missing_parts_is_not_complete(
    client: FlaskClient, shop: Shop, staff: User, page: str
) -> None:
    plan: Any = begin(client, page, PART_BYTES + 10).json
    link: Any = client.post(plan["parts_url"], data={"number": 2}).json
    requests.put(link["url"], data=b"x" * 10, timeout=10).raise_for_status()

    refused = client.post(plan["completion_url"])

    assert (refused.status_code, refused.json and refused.json["code"]) == (
        409,
        "upload_incomplete",
    )
    assert upload_of(shop).state == UploadState.UPLOADING
    for number in ("0", "3", "x", ""):
        answer = client.post(plan["parts_url"], data={"number": number})
        assert (answer.status_code, answer.json and answer.json["code"]) == (422, "no_such_part")


def test_completing_again_after_a_lost_answer_says_the_same(
    client: FlaskClient, shop: Shop, send: Callable[..., TestResponse], page: str
) -> None:
    first = send()
    again = client.post(f"{page}/uploads/{upload_of(shop).id}/completion")
    sweep_outbox(shop, overdue=NOW)
    much_later = client.post(f"{page}/uploads/{upload_of(shop).id}/completion")

    assert first.json == again.json == much_later.json


def test_a_stopped_upload_leaves_nothing_and_takes_nothing(
    client: FlaskClient, shop: Shop, staff: User, page: str
) -> None:
    plan: Any = begin(client, page, len(GOOD)).json
    link: Any = client.post(plan["parts_url"], data={"number": 1}).json
    requests.put(link["url"], data=GOOD, timeout=10).raise_for_status()
    here = f"{page}/uploads/{upload_of(shop).id}"
    assert "Another page sends it" in client.get(here).text

    submit(client, client.get(here), "abandonment")
    sweep_outbox(shop, overdue=NOW)

    upload = upload_of(shop)
    assert upload.state == UploadState.ABANDONED
    assert "was stopped" in client.get(here).text
    assert client.post(plan["abandonment_url"]).status_code == 303
    for url, data in ((plan["parts_url"], {"number": 1}), (plan["completion_url"], {})):
        answer = client.post(url, data=data)
        assert (answer.status_code, answer.json and answer.json["code"]) == (409, "upload_ended")
    assert requests.put(link["url"], data=GOOD, timeout=10).status_code == 404
    assert not shop.files.has(upload.file_key)
    with shop.database.reading() as session:
        actions = list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    assert actions == ["begin_upload", "abandon_upload"]


def test_a_refused_archive_says_why_and_offers_the_form_as_it_was(
    client: FlaskClient, shop: Shop, send: Callable[..., TestResponse], page: str
) -> None:
    there: Any = send(archive({"../evil.lua": b"x"}), changelog_en="typed before").json
    sweep_outbox(shop, overdue=NOW)

    shown = client.get(there["location"]).text
    assert "not safe to unpack" in shown
    again = client.get(f"{page}/releases/new?like={upload_of(shop).id}").text
    assert "typed before" in again
    assert 'value="1.1.0"' in again
    assert "Refused" in client.get(f"{page}/releases").text
    stopped = client.post(f"{page}/uploads/{upload_of(shop).id}/abandonment", follow_redirects=True)
    assert "ended already" in stopped.text
    assert "not safe to unpack" in stopped.text


def test_findings_must_be_confirmed_before_publishing(
    client: FlaskClient,
    shop: Shop,
    send: Callable[..., TestResponse],
    product: Product,
    page: str,
    staff: User,
) -> None:
    send(SUSPICIOUS)
    sweep_outbox(shop, overdue=NOW)
    here = f"{page}/releases/{release_of(shop, product).id}"
    shown = client.get(here).text
    assert "qr-garage/tool.exe" in shown
    assert f"{here}/publication" not in shown

    assert client.post(f"{here}/publication").status_code == 409
    unticked = client.post(f"{here}/confirmation")
    assert unticked.status_code == 422
    assert "Confirm first" in unticked.text
    assert release_of(shop, product).published_at is None

    submit(client, client.get(here), "confirmation", confirmed="1")
    client.post(f"{here}/confirmation", data={"confirmed": "1"})
    submit(client, client.get(here), "publication")

    assert release_of(shop, product).published_at is not None
    with shop.database.reading() as session:
        [entry] = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "confirm_findings")
        ).all()
    assert (entry.actor_id, entry.detail["findings"]) == (staff.id, ["program: qr-garage/tool.exe"])


def test_protected_files_need_no_confirmation(
    client: FlaskClient, shop: Shop, send: Callable[..., TestResponse], product: Product, page: str
) -> None:
    send(archive({**GOOD_FILES, "qr-garage/.fxap": b"FXAP"}))
    sweep_outbox(shop, overdue=NOW)
    here = f"{page}/releases/{release_of(shop, product).id}"

    assert "Protected file" in client.get(here).text
    assert client.post(f"{here}/publication").status_code == 303


def test_a_check_that_takes_long_says_so(
    client: FlaskClient, shop: Shop, send: Callable[..., TestResponse]
) -> None:
    there: Any = send().json
    with shop.database.transaction() as session:
        session.execute(
            update(ReleaseUpload).values(uploaded_at=shop.clock() - timedelta(minutes=6))
        )

    shown = client.get(there["location"], query_string={"seen": "uploaded"}, headers=HTMX)
    assert "longer than it should" in shown.text


def test_only_the_form_for_a_new_version_may_speak_with_the_store(
    client: FlaskClient, shop: Shop, staff: User, page: str
) -> None:
    def rule(path: str) -> str:
        policy = client.get(path).headers["Content-Security-Policy"]
        return next(one for one in policy.split("; ") if one.startswith("connect-src"))

    assert rule(f"{page}/releases/new") == f"connect-src 'self' {shop.settings.s3_endpoint_url}"
    assert rule(f"{page}/releases") == "connect-src 'self'"
    refused = client.post(f"{page}/releases", data={"version": "x"})
    assert (
        f"connect-src 'self' {shop.settings.s3_endpoint_url};"
        in (refused.headers["Content-Security-Policy"])
    )


def test_a_store_that_is_away_is_said_and_leaves_no_open_upload(
    client: FlaskClient, shop: Shop, staff: User, page: str, sandbox: RunningSandbox
) -> None:
    requests.post(f"{sandbox.url}/control/s3", json={"down": True}, timeout=10)
    try:
        answer = begin(client, page, 100)
    finally:
        requests.post(f"{sandbox.url}/control/s3", json={"down": False}, timeout=10)

    assert answer.status_code == 503
    assert "file service does not answer" in (answer.json or {})["text"]
    assert upload_of(shop).state == UploadState.ABANDONED


@pytest.mark.parametrize("role", ["customer", "moderator", None])
def test_only_people_who_manage_the_catalogue_get_in(
    client: FlaskClient,
    app: Any,
    shop: Shop,
    make: Factory,
    sign_in: SignIn,
    send: Callable[..., TestResponse],
    page: str,
    role: str | None,
) -> None:
    send()
    here = f"{page}/uploads/{upload_of(shop).id}"
    stranger = app.test_client()
    if role:
        sign_in(stranger, make.user(role=role))
    expected = 404 if role else 303

    assert stranger.get(here).status_code == expected
    assert begin(stranger, page, 100).status_code == expected
    for action in ("parts", "completion", "abandonment"):
        assert stranger.post(f"{here}/{action}", data={"number": 1}).status_code == expected
    assert upload_of(shop).state == UploadState.UPLOADED


def test_uploads_of_other_products_and_unknown_ones_are_not_found(
    client: FlaskClient, shop: Shop, make: Factory, send: Callable[..., TestResponse], page: str
) -> None:
    send()
    theirs = f"/en/admin/products/{make.product().id}/uploads/{upload_of(shop).id}"

    for here in (theirs, f"{page}/uploads/{new_id()}", f"{page}/uploads/nonsense"):
        assert client.get(here).status_code == 404
        for action in ("parts", "completion", "abandonment"):
            assert client.post(f"{here}/{action}", data={"number": 1}).status_code == 404
    assert upload_of(shop).state == UploadState.UPLOADED
    assert client.get(f"{page}/releases/new?like={new_id()}").status_code == 404
    assert client.get(f"{page}/releases/new?like=nonsense").status_code == 200


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (1, [1]),
        (PART_BYTES, [PART_BYTES]),
        (PART_BYTES + 1, [PART_BYTES, 1]),
        (2 * PART_BYTES, [PART_BYTES, PART_BYTES]),
    ],
)
def test_a_file_is_cut_into_parts_of_one_size(size: int, parts: list[int]) -> None:
    numbers = range(1, count_parts(size) + 1)

    assert [part_size(size, number) for number in numbers] == parts
    for number in (0, len(parts) + 1):
        with pytest.raises(Invalid):
            part_size(size, number)
