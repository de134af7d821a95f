"""Files of the demo catalogue on their way into the bucket."""

from __future__ import annotations

from storefront.bootstrap import Shop
from storefront.kit.ids import new_id
from storefront.sandbox.seed.catalog import seed_catalog
from storefront.sandbox.seed.files import build_archives, find_missing, send_files


def test_a_shop_with_products_keeps_its_files_and_is_sent_only_what_it_lacks(shop: Shop) -> None:
    kept, lost = f"releases/{new_id()}.zip", f"releases/{new_id()}.zip"
    files = {kept: b"of the seed", lost: b"of the seed"}
    shop.files.put(kept, b"of the staff", content_type="application/zip")
    assert find_missing(shop, files) == files, "nothing has to stay where no product is"
    seed_catalog(shop, build_archives(), now=shop.clock())

    send_files(shop, find_missing(shop, files))

    assert shop.files.read(kept).body == b"of the staff"
    assert shop.files.read(lost).body == b"of the seed"
    assert find_missing(shop, files) == {}
