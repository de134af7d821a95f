"""Telling other programs what happened: signed webhooks that go out (Standard Webhooks)."""
