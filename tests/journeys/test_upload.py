"""A seller's archive goes from the browser straight into the store, and comes out as a version."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Request, Route, expect

from storefront.catalog.uploads.rules import PART_BYTES
from tests.journeys.visitor import Visit


def write_archive(path: Path) -> Path:
    """Two parts: the second has a few bytes."""
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("qr-upload/fxmanifest.lua", "fx_version 'cerulean'\ngame 'gta5'\n")
        packed.writestr("qr-upload/stream/car.ytd", os.urandom(PART_BYTES))
    return path


def test_a_version_is_sent_in_parts_one_of_which_fails_and_is_published(
    visit: Callable[..., Visit], tmp_path: Path
) -> None:
    visitor = visit(locale="en")
    page = visitor.page
    visitor.sign_in("mali", path="/admin/products")
    page.locator("th[scope=row] a").first.click()
    page.goto(re.sub(r"[?#].*", "", page.url) + "/releases/new")
    sent: list[Request] = []

    def fail_first(route: Route) -> None:
        sent.append(route.request)
        if len(sent) == 1:
            route.fulfill(status=503, headers={"Access-Control-Allow-Origin": "*"})
        else:
            route.continue_()

    page.route(re.compile("partNumber=2"), fail_first)

    page.locator("[name=version]").fill("9.0.0")
    page.locator("[name=changelog_en]").fill("Sent in parts")
    page.set_input_files("input[name=archive]", write_archive(tmp_path / "qr-upload.zip"))
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("progressbar", name=re.compile("Sending the file"))).to_be_visible()

    page.get_by_role("button", name="Publish", exact=True).click(timeout=30_000)
    expect(page.locator("main")).to_contain_text("Owners can download this version.")
    expect(page.locator("main")).to_contain_text("Nothing to worry about")
    assert [one.method for one in sent] == ["PUT", "PUT"]
    assert all(one.url.startswith(visitor.stack.environment["S3_ENDPOINT_URL"]) for one in sent)
