"""What a game server is told about a key, and every way in which scripts in the field ask."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storefront.licenses.keys import KeyVault
from tests.api.conftest import VERIFY, Bought, ask, parse
from tests.support.factories import Factory

FUZZ = settings(
    max_examples=300,
    phases=[Phase.generate],
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def code_of(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, (answer.get_json() or {}).get("code")


def test_a_good_key_is_answered_with_everything_a_script_shows(
    game_server: FlaskClient, bought: Bought
) -> None:
    nonce = "n" * 16
    verdict = ask(
        game_server, license_key=bought.key, product=bought.product.slug, version="0.9", nonce=nonce
    )

    assert (verdict["valid"], verdict["code"], verdict["error"]) == (True, "VALID", None)
    assert verdict["license"] == {
        "product": bought.product.slug,
        "version": "0.9",
        "status": "active",
        "expires_at": None,
        "user": "nok",
    }
    assert verdict["user"] == {"username": "nok", "discriminator": "0"}
    assert verdict["ips"] == {"used": 1, "max": 2, "yours": "127.0.0.1"}
    assert verdict["latest_version"] == "1.0.0"
    assert verdict["nonce"] == nonce
    now = bought.shop.clock()
    assert abs(parse(verdict["server_time"]) - now) < timedelta(minutes=1)
    assert parse(verdict["next_check"]) > now
    assert parse(verdict["grace_until"]) > parse(verdict["next_check"])


def test_every_state_has_its_verdict(game_server: FlaskClient, bought: Bought) -> None:
    now = bought.shop.clock()
    cases: dict[str, dict[str, Any]] = {
        "VALID": {"expires_at": now + timedelta(days=1)},
        # No job has marked it yet: time alone decides.
        "EXPIRED": {"expires_at": now - timedelta(seconds=1)},
        "SUSPENDED": {"status": "suspended"},
        "REVOKED": {"status": "revoked"},
    }
    for code, values in cases.items():
        bought.change(**{"status": "active", "expires_at": None, **values})

        verdict = ask(game_server, license_key=bought.key)

        assert verdict["code"] == code
        assert verdict["valid"] == (code == "VALID")
        assert (verdict["error"] is None) == (code == "VALID")
        assert (verdict["grace_until"] is None) == (code != "VALID")
        assert verdict["message"]


def test_a_key_for_another_product_tells_nothing_of_the_licence(
    game_server: FlaskClient, bought: Bought, make: Factory
) -> None:
    other = make.product()

    verdict = ask(game_server, license_key=bought.key, product=other.slug)

    assert verdict["code"] == "PRODUCT_MISMATCH"
    assert "nok" not in json.dumps(verdict)
    assert bought.product.slug not in json.dumps(verdict)
    assert ask(game_server, key=bought.key, product=f" {bought.product.slug.upper()} ")["valid"]


def test_a_yanked_or_future_release_is_not_the_latest(
    game_server: FlaskClient, bought: Bought
) -> None:
    now = bought.shop.clock()
    release = bought.product.releases[0]
    for field, moment in (("yanked_at", now), ("published_at", now + timedelta(days=1))):
        before = getattr(release, field)
        with bought.shop.database.transaction() as session:
            setattr(session.merge(release), field, moment)
        assert ask(game_server, key=bought.key)["latest_version"] == ""
        with bought.shop.database.transaction() as session:
            setattr(session.merge(release), field, before)


def test_a_body_is_read_as_json_whatever_it_calls_itself(
    game_server: FlaskClient, bought: Bought
) -> None:
    body = json.dumps({"license_key": bought.key})
    types = (
        *("application/json", "application/x-www-form-urlencoded", "text/plain", None, "nonsense"),
        *("multipart/form-data", "multipart/form-data; boundary=x", "application/json; charset=x"),
    )

    found = {
        content_type: code_of(game_server.post(VERIFY, data=body, content_type=content_type))
        for content_type in types
    }

    assert set(found.values()) == {(200, "VALID")}, found
    with_mark = game_server.post(VERIFY, data=b"\xef\xbb\xbf" + body.encode())
    assert code_of(with_mark) == (200, "VALID")


def test_the_key_may_have_any_of_its_names_and_places(
    game_server: FlaskClient, bought: Bought
) -> None:
    key, post, get = bought.key, game_server.post, game_server.get
    answers = {
        **{name: post(VERIFY, json={name: key}) for name in ("license_key", "key", "license")},
        "licenseKey": post(VERIFY, json={"licenseKey": key}),
        "second name": post(VERIFY, json={"license_key": "", "key": None, "license": key}),
        "query": get(VERIFY, query_string={"license_key": key}),
        "query of a post": post(VERIFY, query_string={"key": key}),
        "head": post(VERIFY, headers={"Authorization": key}),
        "bearer": post(VERIFY, headers={"Authorization": f"Bearer {key}"}),
        "own scheme": get(VERIFY, headers={"Authorization": f"License  {key} "}),
        "typed badly": post(VERIFY, json={"key": f" {key.lower().replace('-', ' ')}"}),
        **{
            name: post(VERIFY, json={"key": key, name: "qr_script"})
            for name in ("resource", "resourceName", "resName")
        },
    }

    found = {where: code_of(answer) for where, answer in answers.items()}

    assert set(found.values()) == {(200, "VALID")}, found


def test_no_address_of_the_check_redirects(game_server: FlaskClient, bought: Bought) -> None:
    """A game server repeats the POST without its body after a redirect."""
    for address in (VERIFY, VERIFY + "/", "/en" + VERIFY, "/en" + VERIFY + "/"):
        answer = game_server.post(address, json={"key": bought.key})
        assert code_of(answer) == (200, "VALID"), address
        assert code_of(game_server.get(address, query_string={"key": bought.key})) == (200, "VALID")


def test_slashes_too_many_do_not_matter_and_other_paths_are_not_the_check(
    game_server: FlaskClient, bought: Bought
) -> None:
    def ask_at(path: str) -> tuple[int, str | None]:
        return code_of(
            game_server.post("/", json={"key": bought.key}, environ_overrides={"PATH_INFO": path})
        )

    for path in ("//api/licenses/verify", "/api//licenses///verify//", "/en//api/licenses/verify"):
        assert ask_at(path) == (200, "VALID"), path
    for path in ("/api/licenses/verify/x", "/th/api/licenses/verify", "/API/licenses/verify"):
        assert ask_at(path)[0] == 404, path


def test_what_is_not_a_known_key_is_not_found_with_200(
    game_server: FlaskClient, bought: Bought, shop: Any
) -> None:
    stranger = KeyVault(pepper="another" * 8, encryption_keys=shop.settings.license_encryption_keys)
    wrong: list[Any] = [
        *("", " ", "x", "your_license_key", "ABCD-EFGH-JKMN-PQRS", "ก" * 16, "\0", "\ud800"),
        *("' OR 1=1 --", "A" * 7000, bought.key[:-1], bought.key + "X", stranger.make_key()),
        *(0, 1, -7, 1234567890123456, 1.5, True, None, [], ["x"], {}, {"key": bought.key}),
    ]
    bodies = [json.dumps({"license_key": key}) for key in wrong]
    bodies += ["", " \n", "[]", "{}", '{"other": 1}']

    found = {body[:60]: code_of(game_server.post(VERIFY, data=body)) for body in bodies}

    assert set(found.values()) == {(200, "NOT_FOUND")}, found
    assert code_of(game_server.get(VERIFY)) == (200, "NOT_FOUND")
    assert code_of(game_server.get(VERIFY, headers={"Authorization": "\xff"})) == (200, "NOT_FOUND")


def test_what_is_no_json_object_is_a_bad_request(game_server: FlaskClient) -> None:
    bodies = [
        *(
            b"{",
            b"null",
            b"7",
            b'"key"',
            b"[1]",
            b"[[]]",
            b"key=ABCD",
            b"\xff\xfe\xfd",
            b"{'a': 1}",
        ),
        b'{"key": "\xe0\xb8"}',
        b"[" * 8000,
        b'{"a":' * 1300,
        b'{"key": ' + b"9" * 6000 + b"}",
    ]

    found = {body[:40]: game_server.post(VERIFY, data=body) for body in bodies}

    assert {body: answer.status_code for body, answer in found.items()} == dict.fromkeys(found, 400)
    assert {answer.get_json()["error"] for answer in found.values()} == {"bad_json"}


def test_a_body_over_eight_kilobytes_is_refused(game_server: FlaskClient, bought: Bought) -> None:
    padding = 8 * 1024 - len(json.dumps({"key": bought.key, "x": ""}))
    fits = json.dumps({"key": bought.key, "x": "y" * padding})

    assert code_of(game_server.post(VERIFY, data=fits)) == (200, "VALID")
    for size in (8 * 1024 + 1, 300 * 1024):
        answer = game_server.post(VERIFY, data=fits.ljust(size))
        assert (answer.status_code, answer.get_json()) == (413, {"error": "too_large"})
    unmeasured = game_server.post(
        VERIFY,
        data=fits.ljust(9000),
        environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True},
    )
    assert unmeasured.status_code == 413


def test_scripts_can_always_join_the_fields_they_show(
    game_server: FlaskClient, bought: Bought
) -> None:
    bought.change(expires_at=bought.shop.clock() + timedelta(days=1))
    questions: list[dict[str, Any]] = [
        {},
        {"key": bought.key},
        {"key": bought.key, "product": "something-else"},
        {"key": "x", "product": 7, "version": 7, "resource": ["x"], "nonce": 7},
        {"key": bought.key, "version": ["x"], "product": {}, "nonce": "short"},
    ]

    for question in questions:
        verdict = ask(game_server, **question)
        for group, name in (
            ("license", "product"),
            ("license", "version"),
            ("license", "user"),
            ("user", "username"),
            ("user", "discriminator"),
        ):
            assert isinstance(verdict[group][name], str)
        assert isinstance(verdict["message"], str)
        assert isinstance(verdict["latest_version"], str)
        assert verdict["nonce"] is None


def test_an_answer_is_never_cached_and_sets_no_cookie(
    game_server: FlaskClient, bought: Bought
) -> None:
    answer = game_server.post(VERIFY, json={"key": bought.key})

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/json"
    assert "Set-Cookie" not in answer.headers


def test_other_methods_are_refused_in_json(game_server: FlaskClient) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        answer = game_server.open(VERIFY, method=method, json={"key": "x"})
        assert answer.status_code == 405
        assert answer.get_json() == {"error": "method_not_allowed"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
questions = st.dictionaries(
    st.sampled_from(
        [
            *("license_key", "key", "license", "licenseKey", "product", "version", "resource"),
            *("nonce", "server_id", "event", "resName"),
        ]
    )
    | st.text(max_size=5),
    anything,
    max_size=5,
)
bodies = st.one_of(
    questions.map(json.dumps).map(str.encode),
    anything.map(json.dumps).map(str.encode),
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
)


@FUZZ
@given(
    body=bodies,
    content_type=st.none() | st.sampled_from(["application/json", "multipart/form-data", "\x7f"]),
    authorization=st.none() | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])),
    query=st.binary(max_size=20),
)
def test_no_question_at_all_makes_the_check_fail(
    game_server: FlaskClient,
    body: bytes,
    content_type: str | None,
    authorization: str | None,
    query: bytes,
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = game_server.post(
        VERIFY,
        data=body,
        content_type=content_type,
        headers=headers,
        environ_overrides={"QUERY_STRING": query.decode("latin-1")},
    )

    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert answer.get_json()["code"] == "NOT_FOUND"
    else:
        assert answer.get_json() == {"error": "bad_json"}


@FUZZ
@given(
    fields=st.dictionaries(
        st.sampled_from(["product", "version", "resource", "nonce", "server_id", "event", "ip"]),
        anything | st.text(max_size=300) | st.sampled_from(["start", "stop", "\0" * 20, "\ud800"]),
        max_size=7,
    ),
    address=st.ip_addresses().map(str) | st.text(max_size=30),
    forwarded=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60),
)
def test_a_good_key_with_anything_beside_it_gets_a_verdict(
    game_server: FlaskClient, bought: Bought, fields: Any, address: str, forwarded: str
) -> None:
    answer = game_server.post(
        VERIFY,
        data=json.dumps({**fields, "key": bought.key}),
        headers={"X-Forwarded-For": forwarded},
        environ_base={"REMOTE_ADDR": address},
    )

    assert answer.status_code == 200
    verdict = answer.get_json()
    assert verdict["code"] in ("VALID", "PRODUCT_MISMATCH", "IP_SLOTS_FULL")
    assert json.loads(verdict["payload"])["code"] == verdict["code"]
