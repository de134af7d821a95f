"""Chores that speak with the outside world."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

from storefront import cli
from storefront.bootstrap import Shop
from storefront.config import Settings


def test_after_the_chore_the_shops_own_pages_may_upload(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "from_env", lambda: shop.settings)
    parts_id = shop.files.parts.start("releases/cli.zip", content_type="application/zip")
    link = shop.files.parts.signed_link(
        "releases/cli.zip", parts_id, number=1, size_bytes=1, lifetime=timedelta(minutes=1)
    )
    shop.files.parts.allow_origin("https://elsewhere.example")
    asked = {"Origin": "http://localhost", "Access-Control-Request-Method": "PUT"}
    assert requests.options(link, headers=asked, timeout=10).status_code == 403

    assert cli.CHORES["allow-uploads"]() == 0

    assert requests.options(link, headers=asked, timeout=10).status_code == 200
