"""What a key is for, end to end: a script is downloaded and started on two game servers, one moves,
a third is refused and let in, and the seller ends it. The Lua that runs is that of the archive the
browser received; the servers are simulated, the shop and its addresses are not."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.catalog.releases import ReleaseText, publish_release
from storefront.catalog.uploads.flow import upload_archive
from storefront.catalog.uploads.models import ReleaseUpload
from storefront.kit.money import baht
from storefront.licenses.models import License
from tests.journeys.test_pages import examine
from tests.journeys.test_sale import download, reveal_newest_key
from tests.journeys.test_till import new_person, wait_until
from tests.journeys.visitor import Visit
from tests.loader.conftest import HOUR, code_of, requests_from
from tests.storefront.orders.purchases import buy
from tests.support.archives import archive
from tests.support.factories import Factory
from tests.support.fivem import GameServer, TrueTime

Begin = Callable[..., Visit]
SLUG = "journey-script"
VERSION = "2.0.0"
FILES = {
    f"{SLUG}/fxmanifest.lua": b"fx_version 'cerulean'\ngame 'gta5'\nlua54 'yes'\n"
    b"version '2.0.0'\nserver_script 'server.lua'\n",
    f"{SLUG}/server.lua": b'exports("sell", function() return ShopLicense.isLicensed() end)\n',
}


@pytest.fixture(scope="module")
def script(backstage: Shop) -> Product:
    """A protected script for two servers, whose release the shop has checked and published."""
    product = Factory(backstage.database).product(
        slug=SLUG,
        name_en="Journey script",
        name_th="สคริปต์ทดลอง",
        delivery="protected",
        slots=2,
        price=baht(100),
    )
    mali = person(backstage, "mali")
    upload = upload_archive(
        backstage.database,
        backstage.files,
        product.id,
        version=VERSION,
        words=ReleaseText("stable", "ใหม่", "New"),
        body=io.BytesIO(archive(FILES)),
        actor_id=mali.id,
        now=backstage.clock(),
    )

    def checked() -> ReleaseUpload:
        with backstage.database.reading() as session:
            return session.get_one(ReleaseUpload, upload.id)

    wait_until(lambda: checked().release_id is not None)
    release_id = checked().release_id
    assert release_id is not None
    with backstage.database.transaction() as session:
        publish_release(session, product.id, release_id, actor_id=mali.id, now=backstage.clock())
    return product


def test_two_servers_a_move_a_third_that_is_let_in_and_the_end(
    visit: Begin, backstage: Shop, script: Product, tmp_path: Path
) -> None:
    buyer = visit(locale="en", width=390)
    name = new_person(buyer)
    buyer.sign_in(name)
    buy(backstage, Factory(backstage.database), person(backstage, name), (script, 1))
    packed = download(buyer, SLUG)
    key = reveal_newest_key(buyer, SLUG)
    license_page = buyer.page.url
    rent = landlord(tmp_path, files=unpacked(packed), key=key)

    # Two servers start, and each takes a place.
    first, second, third = rent(2), rent(3), rent(4)
    one, two = first.start(SLUG), second.start(SLUG)
    assert (code_of(one), code_of(two), one.export("sell")) == ("VALID", "VALID", True)

    # The second moves house, so there is no place for a third.
    two.stop()
    second.address = "127.0.0.5"
    two, refused = second.start(SLUG), third.start(SLUG)
    assert (code_of(two), code_of(refused)) == ("VALID", "IP_SLOTS_FULL")
    assert refused.is_stopped

    # Its owner reads why, and lets it in. The first has to go, and as it runs this is a move.
    buyer.page.goto(license_page)
    buyer.reload_until("127.0.0.4")
    check = buyer.page.locator("#checks li", has_text="127.0.0.4")
    expect(check).to_contain_text("Refused")
    expect(check).to_contain_text("All 2 places of this licence were taken by other servers")
    check.get_by_role("link", name="Allow 127.0.0.4").click()
    expect(buyer.page.locator("main")).to_contain_text("one of the 5 moves you have left")
    buyer.page.get_by_role("button", name="Allow this address").click()
    expect(buyer.page.locator(".flashes")).to_contain_text("127.0.0.4 may run the script")
    expect(buyer.page.locator("#servers")).not_to_contain_text("127.0.0.2")
    three = third.start(SLUG)
    assert (code_of(three), three.export("sell")) == ("VALID", True)
    first.run(7 * HOUR)
    assert (code_of(one), one.is_stopped) == ("IP_SLOTS_FULL", True)

    # The seller revokes: both run on until they ask the next time, and then they stop.
    staff = visit(locale="en")
    staff.sign_in("mali", path="/admin/licenses")
    withdraw(staff, key)
    assert not two.is_stopped
    assert not three.is_stopped
    for server, resource in ((second, two), (third, three)):
        server.run(7 * HOUR)
        assert (code_of(resource), resource.is_stopped) == ("REVOKED", True)
        assert "was withdrawn" in resource.console[-2]
    buyer.page.reload()
    expect(buyer.page.locator("main")).to_contain_text("This licence was withdrawn")

    # What of the archive turned up elsewhere names its buyer.
    staff.go("/admin/leaks")
    leak = {path: body for path, body in unpacked(packed).items() if path.endswith("a.lua")}
    hand_in(staff, leak)
    expect(staff.page.locator("#leak h2").first).to_have_text(name, timeout=30_000)
    examine(staff, "a leak that has a name")


def test_an_address_is_let_in_with_one_click_without_javascript(
    visit: Begin, backstage: Shop, script: Product
) -> None:
    buyer = visit(locale="en", javascript=False, width=390)
    owner = person(backstage, "anna")
    buy(backstage, Factory(backstage.database), owner, (script, 1))
    license = newest_license(backstage, owner)
    key = backstage.vault.open(license.key_encrypted)

    def ask(number: int, event: str = "start") -> str:
        question = {"license_key": key, "product": SLUG, "event": event}
        return str(requests_from(f"127.0.0.{number}", buyer.stack.url, question)["code"])

    assert [ask(number) for number in (2, 3, 4)] == ["VALID", "VALID", "IP_SLOTS_FULL"]
    ask(3, "stop")

    buyer.sign_in("anna", path=f"/account/licenses/{license.id}")
    buyer.reload_until("127.0.0.4")
    expect(buyer.page.locator("#allow-cost")).to_contain_text("a free place. This costs no move.")
    buyer.page.get_by_role("button", name="Allow 127.0.0.4").click()

    expect(buyer.page.locator("main")).to_contain_text("127.0.0.4 may run the script")
    assert [ask(number) for number in (4, 3)] == ["VALID", "IP_SLOTS_FULL"]


def person(shop: Shop, username: str) -> User:
    """Somebody who has signed in before."""
    with shop.database.reading() as session:
        return session.scalars(select(User).where(User.username == username)).one()


def newest_license(shop: Shop, owner: User) -> License:
    """What this person bought last."""
    with shop.database.reading() as session:
        query = select(License).where(License.user_id == owner.id).order_by(License.id.desc())
        return session.scalars(query.limit(1)).one()


def unpacked(packed: zipfile.ZipFile) -> Mapping[str, bytes]:
    """The files below the archive's one folder."""
    prefix = f"{SLUG}/"
    return {name.removeprefix(prefix): packed.read(name) for name in packed.namelist()}


def landlord(folder: Path, *, files: Mapping[str, bytes], key: str) -> Callable[[int], GameServer]:
    """Rents out game servers at 127.0.0.<number> with the script and its key in place."""
    truth = TrueTime(time.time())

    def rent(number: int) -> GameServer:
        server = GameServer(
            folder / f"server-{number}",
            address=f"127.0.0.{number}",
            token=f"platform-token-{number}",
            truth=truth,
            convars={f"qr_license_{SLUG}": key},
        )
        server.install(files, name=SLUG)
        return server

    return rent


def withdraw(staff: Visit, key: str) -> None:
    """Find the licence by the first symbols of its key, and revoke it."""
    page = staff.page
    page.locator("#search-text").fill(key[:4])
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator("main th a", has_text=key[:4]).click()
    page.locator("#changes a[href$='/changes/revoke']").click()
    page.locator("[name=reason]").fill("Shared with a friend")
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("main .page-head")).to_contain_text("Revoked")


def hand_in(staff: Visit, files: Mapping[str, bytes]) -> None:
    """Give a leaked file to the shop, under another name."""
    staff.page.set_input_files(
        "input[name=file]",
        {
            "name": "cheap-scripts.zip",
            "mimeType": "application/zip",
            "buffer": archive({f"stolen/{path}": body for path, body in files.items()}),
        },
    )
    staff.page.get_by_role("button", name="Search", exact=True).click()
