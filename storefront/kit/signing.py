"""Signed answers: what makes a verdict worth believing.

RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2) by RSA-2048, because pure Lua can check it in a few
milliseconds; a shared secret would ship a forgeable key in every script. Several keys may stand
side by side: the first signs, all of them are published, so that a key can be rotated while
scripts with the old public key are still in the field.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

KEY_BITS = 2048
EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a script needs to check a signature. `kid` names the key, `modulus` is hexadecimal."""

    kid: str
    pem: str
    modulus: str
    exponent: int


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature in base64 and the key that made it."""

    kid: str
    sig: str


class SigningKeys:
    """The shop's private keys. Signing is safe from several threads and takes about half a
    millisecond of CPU."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [read_signing_key(key) for key in keys]

    @cached_property
    def public(self) -> tuple[PublicKey, ...]:
        """The public halves, the one that signs now first."""
        return tuple(_public_half(key) for key in self._keys)

    def sign(self, payload: str) -> Signature:
        """Sign the UTF-8 bytes of exactly this text."""
        made = self._keys[0].sign(payload.encode(), padding.PKCS1v15(), SHA256())
        return Signature(self.public[0].kid, base64.b64encode(made).decode())


def make_signing_key() -> str:
    """A new private key as it stands in LICENSE_SIGNING_KEYS: PKCS #8, DER, base64."""
    key = rsa.generate_private_key(public_exponent=EXPONENT, key_size=KEY_BITS)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(der).decode()


@lru_cache(maxsize=8)  # proving that a key is sound takes 40 ms, and every start asks twice
def read_signing_key(text: str) -> rsa.RSAPrivateKey:
    """Read a key of `make_signing_key`. Raises ValueError for anything but RSA-2048."""
    try:
        key = load_der_private_key(base64.b64decode(text, validate=True), password=None)
    except (binascii.Error, TypeError) as error:
        raise ValueError("not a private key") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != KEY_BITS:
        raise ValueError("an RSA key of 2048 bits is expected")
    return key


def _public_half(private: rsa.RSAPrivateKey) -> PublicKey:
    key = private.public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    numbers = key.public_numbers()
    return PublicKey(
        kid=sha256(der).hexdigest()[:16],
        pem=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        modulus=f"{numbers.n:x}",
        exponent=numbers.e,
    )
