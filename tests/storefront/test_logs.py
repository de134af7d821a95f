"""Logs are read by more people than the database: no key, no token, no password is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from storefront.licenses.keys import KeyVault
from storefront.logs import hide_secrets

vault = KeyVault(pepper="p" * 32, encryption_keys=(Fernet.generate_key().decode(),))
keys = st.builds(vault.make_key)
around = st.text(st.characters(exclude_categories=["L", "N", "Cs"]), max_size=10)


def logged(**fields: Any) -> str:
    return json.dumps(hide_secrets(None, "info", fields), default=repr)


@given(keys, around, around, st.sampled_from([str.upper, str.lower]))
def test_a_licence_key_never_appears_whole(key: str, before: str, after: str, case: Any) -> None:
    written = case(key)
    text = logged(
        event=f"{before}{written}{after}",
        question={"typed": written, "more": [f"key {written}"]},
        error=ValueError(f"bad {written}"),
    )

    assert written not in text
    assert written[-4:] not in text.replace(written[:4], "")
    assert written[:4] in text


@pytest.mark.parametrize(
    "name",
    [
        *("license_key", "key", "SECRET_KEY", "token", "access_token", "client_secret"),
        *("password", "Authorization", "Cookie", "Set-Cookie", "Stripe-Signature", "code"),
    ],
)
def test_what_is_named_like_a_secret_is_blanked_however_deep(name: str) -> None:
    text = logged(event="x", **{name: "hush"}, headers={name: "hush"}, calls=[{name: ["hush"]}])

    assert "hush" not in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:hush@db.example.com:5432/shop",
        "redis://:hush@redis.example.com/0",
        "smtp://user:hu@sh@mail.example.com:587",
        "could not connect to postgresql+psycopg://shop:hush@db: refused",
    ],
)
def test_passwords_are_taken_out_of_addresses(url: str) -> None:
    text = logged(event=url, where={"url": url}, error=OSError(url))

    assert "hush" not in text
    assert "sh@" not in text
    assert ".example.com" in text or "db" in text


def test_what_helps_the_reader_stays() -> None:
    identifier = "01928374-5566-7788-99aa-bbccddeeff00"

    text = logged(event="request", path="/orders", status=404, order_id=identifier, seconds=0.5)

    assert json.loads(text) == {
        "event": "request",
        "path": "/orders",
        "status": 404,
        "order_id": identifier,
        "seconds": 0.5,
    }


@given(st.dictionaries(st.text(max_size=8), st.recursive(st.integers() | st.text(), st.lists)))
def test_nothing_that_is_logged_makes_logging_fail(fields: dict[str, Any]) -> None:
    assert json.loads(logged(**{"event": "x"} | fields))


PROGRAM = """
import logging, structlog
from storefront.logs import init_logging

init_logging()
key = "ABCD-EFGH-JKMN-PQRS"
structlog.get_logger().info("asked", typed=key, token="hush")
logging.getLogger("library").warning("cannot reach %s with %s", "redis://:hush@redis:6379", key)
try:
    raise ValueError(key)
except ValueError:
    structlog.get_logger().exception("crash")
    logging.getLogger("library").exception("crash of the library")
"""


def test_every_line_is_json_and_clean_whoever_writes_it(root: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines][::2] == ["asked", "crash"]
    assert len(lines) == 4
    assert {line["level"] for line in lines} == {"info", "warning", "error"}
    # The source line that a traceback quotes holds a name, never the value.
    assert "EFGH-JKMN" not in ended.stderr
    assert "hush" not in ended.stderr
