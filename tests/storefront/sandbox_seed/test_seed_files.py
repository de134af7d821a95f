"""Files of the demo catalogue on their way into the bucket."""

from __future__ import annotations

import io
import zipfile

from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.loader.files import verify_url
from storefront.sandbox.seed.catalog import seed_catalog
from storefront.sandbox.seed.files import build_archives, find_missing, send_files


def test_a_shop_with_products_keeps_its_files_and_is_sent_only_what_it_lacks(shop: Shop) -> None:
    kept, lost = f"releases/{new_id()}.zip", f"releases/{new_id()}.zip"
    files = {kept: b"of the seed", lost: b"of the seed"}
    shop.files.put(kept, b"of the staff", content_type="application/zip")
    assert find_missing(shop, files) == files, "nothing has to stay where no product is"
    seed_catalog(shop, build_archives(shop), now=shop.clock())

    send_files(shop, find_missing(shop, files))

    assert shop.files.read(kept).body == b"of the staff"
    assert shop.files.read(lost).body == b"of the seed"
    assert find_missing(shop, files) == {}


def test_a_protected_script_asks_this_shop_for_its_key_and_an_open_one_does_not(shop: Shop) -> None:
    archives = build_archives(shop)

    def opened(slug: str) -> zipfile.ZipFile:
        name = next(one for one in archives if one.startswith(f"releases/{slug}/"))
        return zipfile.ZipFile(io.BytesIO(archives[name]))

    with opened("qr-garage") as protected, opened("qr-weather") as free:
        config = protected.read("qr-garage/license/config.lua").decode()
        assert verify_url(shop.settings.public_url) in config
        assert shop.signing.public[0].modulus in config
        assert "license/license.lua" in protected.read("qr-garage/fxmanifest.lua").decode()
        assert not any("/license/" in name for name in free.namelist())


def test_the_same_shop_gives_the_same_archives(shop: Shop) -> None:
    assert build_archives(shop) == build_archives(shop)
