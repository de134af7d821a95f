"""Purchases made at Tebex, and how their buyers come to their keys here."""
