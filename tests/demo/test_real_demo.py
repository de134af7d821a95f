"""The demo itself, as `make demo` starts it: the real shop on real servers."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from storefront.sandbox.demo_stack import DemoStack
from storefront.sandbox.services.process import wait_until
from tests.demo.conftest import left_behind


def page(url: str) -> tuple[int, str]:
    try:
        with urlopen(Request(url, headers={"Accept": "text/html"}), timeout=10) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def statuses_by_key(demo: DemoStack) -> dict[str, str]:
    licenses = demo.report["licenses"]
    assert isinstance(licenses, list)
    return {one["key"]: one["status"] for one in licenses}


def test_the_demo_sells_survives_any_kill_and_goes(new_folder: Callable[[], Path]) -> None:
    demo = DemoStack(new_folder())
    try:
        demo.start()
        keys = statuses_by_key(demo)
        assert set(keys.values()) >= {"active", "expired", "revoked"}
        assert page(f"{demo.url}/")[0] == 200
        assert '<html lang="en"' in page(f"{demo.url}/en")[1]
        assert page(str(demo.report["inbox_url"]))[0] == 200
        health = json.loads(page(f"{demo.url}/health")[1])
        assert (health["database"], health["redis"]) == ("connected", "connected")

        for name in ("web", "worker", "postgres", "valkey"):
            demo.wait_running(name)
            killed = demo.kill(name)
            demo.wait_running(name, other_than=killed)
            assert wait_until(partial(is_healthy, demo), seconds=30), f"recovers from its {name}"

        demo.interrupt(signal.SIGKILL)
        demo.wait_ended()
        if sys.platform == "linux":
            gone = wait_until(lambda: left_behind(demo.folder) == [], seconds=15)
            assert gone, "everything dies with its killed supervisor"
        demo.start()

        assert statuses_by_key(demo) == keys, "a restart keeps keys readable and makes no new ones"
        demo.interrupt(signal.SIGINT)
        assert demo.wait_ended(timeout=15) == 0
        assert left_behind(demo.folder) == []
    finally:
        demo.destroy()


def is_healthy(demo: DemoStack) -> bool:
    try:
        status, body = page(f"{demo.url}/health")
    except OSError:
        return False
    return status == 200 and '"ok"' in body
