"""Is the shop well? The database decides; without Redis it goes on."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask.testing import FlaskClient

from storefront.app import create_app
from storefront.bootstrap import Shop, boot

NOBODY_LISTENS = {
    "redis_url": "redis://127.0.0.1:1/0",
    "database_url": "postgresql://shop:hush@127.0.0.1:1/shop",
}


def health_without(shop: Shop, *services: str) -> Any:
    lost = {name: NOBODY_LISTENS[name] for name in services}
    app = create_app(boot(dataclasses.replace(shop.settings, **lost), pool_size=1))  # type: ignore[arg-type]
    return app.test_client().get("/health")


def test_everything_well(client: FlaskClient) -> None:
    answer = client.get("/health")

    assert answer.status_code == 200
    assert answer.get_json() | {"timestamp": ""} == {
        "status": "ok",
        "timestamp": "",
        "database": "connected",
        "redis": "connected",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_without_redis_the_shop_is_open(shop: Shop) -> None:
    answer = health_without(shop, "redis_url")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "degraded")
    assert answer.get_json()["redis"] == "down"


def test_without_its_database_the_shop_is_down_and_says_no_more(shop: Shop) -> None:
    answer = health_without(shop, "database_url")

    assert (answer.status_code, answer.get_json()["status"]) == (503, "down")
    assert answer.get_json()["redis"] == "connected"
    assert "hush" not in answer.text
    assert health_without(shop, "database_url", "redis_url").status_code == 503
