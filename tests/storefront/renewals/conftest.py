"""The scene of every test here."""

from tests.support.renewing import buyer, key, shelf, staff

__all__ = ["buyer", "key", "shelf", "staff"]
