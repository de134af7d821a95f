"""The code behind the marks: a word of bits per mark, and names that stand in clear.

The words follow Tardos ("Optimal probabilistic fingerprint codes", 2003) with the symmetric score
of Skoric, Katzenbeisser and Celik (2008) and the two biases that Nuida and others (2009) found best
for coalitions of up to four. Every position has a secret bias; each mark draws its bit by it.
Buyers who compare copies see only the positions where theirs differ, about a third, and whatever
they choose there still points at some of them.
"""

from __future__ import annotations

import hmac
from functools import cached_property
from hashlib import blake2b, sha256, shake_256
from itertools import compress
from math import sqrt
from operator import lt
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storefront.kit.ids import CROCKFORD

POSITIONS: Final = 2048
TOKEN_SYMBOLS: Final = 20

# Of 256: a bit is one in 21 or in 79 of 100 marks, (1 -+ 1/sqrt(3)) / 2.
_RARE: Final = 54
_COMMON: Final = 202
# The most one position can say for or against a mark.
LARGEST_WEIGHT: Final = sqrt(_COMMON / _RARE)


class MarkKey:
    """Everything that follows from the shop's secret. Without it neither the bits nor their places
    can be told from ordinary white space."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._place_key = self._derive("places")

    @classmethod
    def from_pepper(cls, pepper: str) -> MarkKey:
        """The key of a shop: HKDF-SHA256 (RFC 5869) of the pepper of its licence keys, so that one
        secret less has to be kept; neither tells anything about the other."""
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"leak marks v1")
        return cls(kdf.derive(pepper.encode()))

    def token(self, mark: str, place: str) -> str:
        """A name for this mark that may stand in clear: 20 symbols of Crockford base32, another
        one in each sort of place, so that none leads to the next."""
        digest = hmac.digest(self._secret, f"token {place} {mark}".encode(), sha256)
        return "".join(CROCKFORD[byte & 31] for byte in digest[:TOKEN_SYMBOLS])

    def word(self, mark: str) -> bytes:
        """The bits of a mark, one byte (0 or 1) for each position."""
        seed = hmac.digest(self._secret, f"word {mark}".encode(), sha256)
        return bytes(map(lt, shake_256(seed).digest(POSITIONS), self._thresholds))

    def position_of(self, place: str) -> int:
        """Which position a place in a text carries: by what stands there, not by where it is."""
        digest = blake2b(place.encode(), key=self._place_key, digest_size=2).digest()
        return int.from_bytes(digest, "big") % POSITIONS

    def weights(self, position: int, ones: float) -> tuple[float, float]:
        """What a leaked position says for marks whose bit is 0 and whose bit is 1, when this share
        of what was read there is one. Zero on average for every mark that had no part in it."""
        share = self._thresholds[position] / 256
        up, down = sqrt((1 - share) / share), sqrt(share / (1 - share))
        return -ones * down + (1 - ones) * down, ones * up - (1 - ones) * up

    @cached_property
    def _thresholds(self) -> bytes:
        stream = shake_256(self._derive("biases")).digest(POSITIONS)
        return bytes(_RARE if byte < 128 else _COMMON for byte in stream)

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._secret, purpose.encode(), sha256)


class Scoring:
    """The score of many marks against one reading: the shares of ones by position."""

    def __init__(self, key: MarkKey, shares: dict[int, float]) -> None:
        self.positions = len(shares)
        pairs = {at: key.weights(at, share) for at, share in shares.items()}
        self._base = sum(zero for zero, _one in pairs.values())
        self._steps = [
            pairs[at][1] - pairs[at][0] if at in pairs else 0.0 for at in range(POSITIONS)
        ]

    def score(self, word: bytes) -> float:
        """How much this mark fits: 0 plus or minus the square root of `positions` for the
        innocent, about 0.8 a position for the only source."""
        return self._base + sum(compress(self._steps, word))
