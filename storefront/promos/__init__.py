"""Promo codes: what they give, to whom, and how often."""
