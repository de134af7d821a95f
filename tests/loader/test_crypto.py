"""SHA-256 and RSA in plain Lua agree with the libraries that have done it for years."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from hypothesis import given, settings
from hypothesis import strategies as st
from lupa.lua54 import LuaRuntime

import storefront.loader
from storefront.kit.signing import SigningKeys, make_signing_key, read_signing_key

LUA = Path(storefront.loader.__file__).parent / "lua"
TEXT = b'{"v":1,"code":"VALID","key":"00ff"}'
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@cache
def lua() -> Any:
    """Stock Lua 5.4: what parses here uses none of the game server's extras."""
    runtime = LuaRuntime(encoding=None)
    for name in ("sha256.lua", "rsa.lua"):
        runtime.execute((LUA / name).read_bytes())
    return runtime


def lua_sha256(text: bytes) -> str:
    return str(lua().eval("ShopLicense.sha256")(text).decode())


def is_signed_by(
    modulus: str | bytes, text: bytes, signature: str | bytes | None, *, exponent: int = 65537
) -> bool:
    ask = lua().eval(
        "function(n, e, text, sig) return ShopLicense.isSignedBy({ n = n, e = e }, text, sig) end"
    )
    as_bytes = modulus.encode() if isinstance(modulus, str) else modulus
    signed = signature.encode() if isinstance(signature, str) else signature
    return bool(ask(as_bytes, exponent, text, signed))


@cache
def key(number: int = 1) -> rsa.RSAPrivateKey:
    return read_signing_key(make_signing_key())


def modulus_of(private: rsa.RSAPrivateKey) -> str:
    return f"{private.public_key().public_numbers().n:x}"


def opened_to(block: bytes, private: rsa.RSAPrivateKey) -> bytes:
    """The signature that opens to this block: what a forger would like to find, made with the
    private key."""
    numbers = private.private_numbers()
    value = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
    return base64.b64encode(value.to_bytes(256, "big"))


def good_block(text: bytes) -> bytes:
    return b"\0\1" + b"\xff" * 202 + b"\0" + DIGEST_INFO + sha256(text).digest()


def test_sha256_gives_the_known_answers_of_the_standard() -> None:
    # FIPS 180-4 and the examples NIST publishes with it.
    known = {
        b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": (
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        b"a" * 100_000: sha256(b"a" * 100_000).hexdigest(),
    }

    assert {text: lua_sha256(text) for text in known} == known


def test_sha256_agrees_at_every_length_around_its_blocks() -> None:
    for length in range(200):
        text = bytes((length + i) % 256 for i in range(length))
        assert lua_sha256(text) == sha256(text).hexdigest()


@given(st.binary(max_size=400))
def test_sha256_agrees_on_any_bytes(text: bytes) -> None:
    assert lua_sha256(text) == sha256(text).hexdigest()


def test_what_the_shop_signs_is_believed() -> None:
    keys = SigningKeys([make_signing_key()])
    for text in ("", "x", '{"user":"สมชาย"}', "y" * 5000):
        signed = keys.sign(text)
        assert is_signed_by(keys.public[0].modulus, text.encode(), signed.sig)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 2))
def test_any_bytes_signed_by_the_library_are_believed(text: bytes, number: int) -> None:
    signature = base64.b64encode(key(number).sign(text, padding.PKCS1v15(), SHA256()))

    assert is_signed_by(modulus_of(key(number)), text, signature)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2047), st.integers(0, len(TEXT) * 8 - 1))
def test_one_flipped_bit_anywhere_is_not_believed(in_signature: int, in_text: int) -> None:
    signature = key().sign(TEXT, padding.PKCS1v15(), SHA256())
    flipped = bytearray(signature)
    flipped[in_signature // 8] ^= 1 << in_signature % 8
    text = bytearray(TEXT)
    text[in_text // 8] ^= 1 << in_text % 8

    modulus = modulus_of(key())
    assert is_signed_by(modulus, TEXT, base64.b64encode(signature))
    assert not is_signed_by(modulus, TEXT, base64.b64encode(bytes(flipped)))
    assert not is_signed_by(modulus, bytes(text), base64.b64encode(signature))


def test_another_key_or_another_hash_is_not_believed() -> None:
    sign: Callable[..., bytes] = key().sign
    modulus = modulus_of(key())
    right = base64.b64encode(sign(TEXT, padding.PKCS1v15(), SHA256()))

    assert not is_signed_by(modulus_of(key(2)), TEXT, right)
    for hashed in (SHA1(), SHA512()):
        signature = base64.b64encode(sign(TEXT, padding.PKCS1v15(), hashed))
        assert not is_signed_by(modulus, TEXT, signature)
    salted = sign(TEXT, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    assert not is_signed_by(modulus, TEXT, base64.b64encode(salted))


def test_forged_paddings_are_not_believed() -> None:
    """Each of these passes a check that looks for the beginning or the end of the block only, or
    skips the filling (Bleichenbacher 2006, and its kin since)."""
    digest = sha256(TEXT).digest()
    info = DIGEST_INFO + digest
    without_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest
    forged = {
        "short filling, rubbish behind": b"\0\1" + b"\xff" * 8 + b"\0" + info + b"\x55" * 194,
        "one filler less, a byte behind": b"\0\1" + b"\xff" * 201 + b"\0" + info + b"\0",
        "rubbish as filling": b"\0\1" + b"\xfe" * 202 + b"\0" + info,
        "filling for encryption": b"\0\2" + b"\xff" * 202 + b"\0" + info,
        "no type": b"\0\0" + b"\0" * 202 + b"\0" + info,
        "no zero before the digest": b"\0\1" + b"\xff" * 203 + info,
        "digest alone": b"\0\1" + b"\xff" * 221 + b"\0" + digest,
        "parameters left out": b"\0\1" + b"\xff" * 204 + b"\0" + without_null,
        "digest of something else": good_block(TEXT + b"x"),
        "only the end is right": b"\0" * 224 + digest,
    }
    modulus = modulus_of(key())

    assert is_signed_by(modulus, TEXT, opened_to(good_block(TEXT), key())), "the control"
    for why, block in forged.items():
        assert len(block) == 256, why
        assert not is_signed_by(modulus, TEXT, opened_to(block, key())), why


def test_a_signature_is_read_in_one_way_only() -> None:
    numbers = key().public_key().public_numbers()
    signature = key().sign(TEXT, padding.PKCS1v15(), SHA256())
    right = base64.b64encode(signature).decode()
    above = int.from_bytes(signature, "big") + numbers.n
    odd: list[str | bytes | None] = [
        *("", "=", None, right[:-1], right[:-2], right + "=", " " + right, right + "\n"),
        *(right.replace("+", "-").replace("/", "_") + "\0", "A" * 344, "=" * 344, "\xff" * 344),
        # The same bytes with other padding bits.
        right[:341] + chr(ord(right[341]) + 1) + "==",
        base64.b64encode(b"\0" + signature),
        base64.b64encode(numbers.n.to_bytes(256, "big")),
        base64.b64encode(bytes(256)),
        base64.b64encode((1).to_bytes(256, "big")),
        *([base64.b64encode(above.to_bytes(256, "big"))] if above < 1 << 2048 else []),
    ]

    assert is_signed_by(modulus_of(key()), TEXT, right)
    for wrong in odd:
        assert not is_signed_by(modulus_of(key()), TEXT, wrong), wrong


def test_a_key_that_is_none_believes_nothing() -> None:
    signature = base64.b64encode(key().sign(TEXT, padding.PKCS1v15(), SHA256()))
    modulus = modulus_of(key())
    even = modulus[:-1] + "e"
    for wrong in ("", "x", modulus[:-1], modulus.upper(), "0" + modulus[1:], modulus + "00", even):
        assert not is_signed_by(wrong, TEXT, signature)
    assert not is_signed_by(modulus, TEXT, signature, exponent=3)
    assert not lua().eval("ShopLicense.isSignedBy")(None, TEXT, signature)


def test_one_signature_is_checked_in_a_few_milliseconds() -> None:
    """About 4 ms where this was written; the game server's main thread waits for it."""
    signature = base64.b64encode(key().sign(TEXT, padding.PKCS1v15(), SHA256()))
    modulus = modulus_of(key())
    is_signed_by(modulus, TEXT, signature)
    took = []
    for _ in range(10):
        began = time.perf_counter()
        assert is_signed_by(modulus, TEXT, signature)
        took.append(time.perf_counter() - began)

    print(f"one RSA-2048 signature in plain Lua: {min(took) * 1000:.1f} ms")
    assert min(took) < 0.05
