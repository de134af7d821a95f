"""Licence keys: made at random, read leniently, kept so that a stolen table opens nothing."""

from __future__ import annotations

import re

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from storefront.kit.ids import CROCKFORD
from storefront.licenses.keys import (
    KeyVault,
    check_symbol,
    format_key,
    has_good_check,
    normalize_key,
)

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
vault = KeyVault(pepper="p" * 32, encryption_keys=(OLD,))
bodies = st.text(st.sampled_from(CROCKFORD), min_size=15, max_size=15)
normals = bodies.map(lambda body: body + check_symbol(body))


def test_a_key_is_four_groups_of_unmistakable_symbols() -> None:
    made = [vault.make_key() for _ in range(500)]

    assert len(set(made)) == 500
    for key in made:
        assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}", key)
        assert has_good_check(normalize_key(key) or "")


@given(normals)
def test_a_key_is_read_however_it_is_typed(normal: str) -> None:
    written = format_key(normal)
    mistaken = written.replace("0", "O").replace("1", "l")

    for typed in (
        written,
        written.lower(),
        f"  {written}\r\n",
        written.replace("-", ""),
        written.replace("-", " "),
        written.replace("-", "\u2013"),
        written.replace("-", "_"),
        mistaken,
        mistaken.lower(),
        written.replace("1", "I"),
        "-".join(normal),
    ):
        assert normalize_key(typed) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ABCD-EFGH-JKMN",
        "ABCD-EFGH-JKMN-PQRST",
        "ABCD-EFGH-JKMN-PQRU",
        "ABCD-EFGH-JKMN-PQR!",
        "ABCD-EFGH-JKMN-PQRก",
        "ABCD-EFGH-JKMN-PQR\0",
        "ABCD-EFGH-JKMN-PQR\u0661",
        "-" * 65,
        "A" * 5000,
        "your_license_key",
    ],
)
def test_what_cannot_be_a_key_is_none(text: str) -> None:
    assert normalize_key(text) is None
    assert vault.hash_key(text) is None
    with pytest.raises(ValueError, match="not a licence key"):
        vault.seal(text)


@given(st.text())
def test_no_text_makes_the_reading_of_a_key_fail(text: str) -> None:
    normal = normalize_key(text)

    assert normal is None or set(normal) <= set(CROCKFORD)


@given(bodies)
def test_the_check_symbol_shows_every_single_wrong_symbol(body: str) -> None:
    normal = body + check_symbol(body)

    for place in range(len(normal)):
        for symbol in CROCKFORD:
            typed = normal[:place] + symbol + normal[place + 1 :]
            assert has_good_check(typed) == (symbol == normal[place])


def test_a_key_without_its_check_symbol_is_still_looked_up() -> None:
    """The check is a hint in forms; a verdict comes from the table alone."""
    wrong_check = "0000-0000-0000-0001"

    assert not has_good_check(normalize_key(wrong_check) or "")
    assert vault.hash_key(wrong_check) is not None


def test_the_hash_depends_on_key_and_pepper_and_on_nothing_else() -> None:
    key = vault.make_key()
    same = KeyVault(pepper="p" * 32, encryption_keys=(NEW,))
    other = KeyVault(pepper="q" * 32, encryption_keys=(OLD,))

    assert vault.hash_key(key) == vault.hash_key(key.lower()) == same.hash_key(key)
    assert other.hash_key(key) != vault.hash_key(key)
    assert vault.hash_key(vault.make_key()) != vault.hash_key(key)
    assert len(vault.hash_key(key) or "") == 64


def test_what_is_kept_shows_four_symbols_and_opens_only_with_the_encryption_key() -> None:
    key = vault.make_key()

    sealed = vault.seal(key)

    assert vault.open(sealed.key_encrypted) == key
    assert sealed.key_hint == key[:4]
    for kept in (sealed.key_hash, sealed.key_encrypted, sealed.key_hint):
        assert key not in kept
        assert key.replace("-", "") not in kept
    assert vault.seal(key).key_encrypted != sealed.key_encrypted
    thief = KeyVault(pepper="p" * 32, encryption_keys=(NEW,))
    with pytest.raises(ValueError, match="encryption key that is gone"):
        thief.open(sealed.key_encrypted)


def test_encryption_keys_can_be_rotated() -> None:
    key = vault.make_key()
    before = vault.seal(key).key_encrypted
    rotating = KeyVault(pepper="p" * 32, encryption_keys=(NEW, OLD))
    rotated = KeyVault(pepper="p" * 32, encryption_keys=(NEW,))

    after = rotating.seal(key).key_encrypted

    assert rotating.open(before) == rotating.open(after) == rotated.open(after) == key
    with pytest.raises(ValueError, match="gone"):
        rotated.open(before)
