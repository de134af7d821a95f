"""Purchases made at Tebex as staff read them."""

from __future__ import annotations
