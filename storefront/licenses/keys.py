"""Licence keys: how they are made, read and kept.

A key is XXXX-XXXX-XXXX-XXXX: 15 random symbols of Crockford base32 (75 bits) and one check symbol.
At rest there is an HMAC-SHA256 for look-up and an encrypted copy for the owner; a stolen table
without the pepper and the encryption keys opens nothing.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from storefront.kit.ids import CROCKFORD, random_crockford

LENGTH = 16
_SYMBOLS = frozenset(CROCKFORD)
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SEPARATORS = str.maketrans("", "", " -_.\t\r\n\u2010\u2011\u2012\u2013\u2014")


@dataclass(frozen=True, slots=True)
class SealedKey:
    """The three forms in which a key is kept."""

    key_hash: str
    key_hint: str
    key_encrypted: str


class KeyVault:
    """Makes, seals and opens keys with the shop's pepper and encryption keys. The first
    encryption key encrypts, all of them decrypt, so they can be rotated."""

    def __init__(self, *, pepper: str, encryption_keys: tuple[str, ...]) -> None:
        self._pepper = pepper.encode()
        self._fernet = MultiFernet([Fernet(key) for key in encryption_keys])

    def make_key(self) -> str:
        """A new random key in its written form."""
        body = random_crockford(LENGTH - 1)
        return format_key(body + check_symbol(body))

    def hash_key(self, key: str) -> str | None:
        """The look-up hash of a key as somebody typed it; None when it cannot be a key."""
        normal = normalize_key(key)
        if normal is None:
            return None
        return hmac.digest(self._pepper, normal.encode(), sha256).hex()

    def seal(self, key: str) -> SealedKey:
        """What is stored for a key made by `make_key`. Raises ValueError for anything else."""
        normal = normalize_key(key)
        key_hash = self.hash_key(key)
        if normal is None or key_hash is None:
            raise ValueError("not a licence key")
        return SealedKey(key_hash, normal[:4], self._fernet.encrypt(normal.encode()).decode())

    def open(self, key_encrypted: str) -> str:
        """The written form of a stored key. Raises ValueError if no encryption key fits."""
        try:
            return format_key(self._fernet.decrypt(key_encrypted.encode()).decode())
        except InvalidToken as error:
            raise ValueError("this key was sealed with an encryption key that is gone") from error


def normalize_key(text: str) -> str | None:
    """Read a key leniently: case, separators and the look-alikes O, I and L are forgiven.

    None when what is left cannot be a key. The check symbol is not looked at: it is a hint for a
    typing mistake in a form, never a verdict.
    """
    if len(text) > 64:
        return None
    normal = text.translate(_SEPARATORS).upper().translate(_READ_AS)
    if len(normal) != LENGTH or not _SYMBOLS.issuperset(normal):
        return None
    return normal


def format_key(normal: str) -> str:
    """Sixteen symbols in groups of four."""
    return "-".join(normal[i : i + 4] for i in range(0, LENGTH, 4))


def check_symbol(body: str) -> str:
    """The sixteenth symbol by Luhn modulo 32 (ISO/IEC 7812-1 generalised): every single wrong
    symbol shows, and nearly every swap of neighbours."""
    size, total = len(CROCKFORD), 0
    for distance, symbol in enumerate(reversed(body)):
        value = CROCKFORD.index(symbol) * (2 if distance % 2 == 0 else 1)
        total += value // size + value % size
    return CROCKFORD[-total % size]


def has_good_check(normal: str) -> bool:
    """Whether the check symbol fits: a hint against typing mistakes."""
    return check_symbol(normal[:-1]) == normal[-1]
