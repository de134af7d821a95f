"""A believable shop: `python -m storefront.sandbox.seed --write-summary demo-summary.json`.

Runs in the shop's own environment; refuses production. Running it again adds only what is new.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storefront.accounts.models import User
from storefront.bootstrap import Shop, boot
from storefront.catalog.models import Product
from storefront.config import Settings, SettingsError
from storefront.licenses.models import License
from storefront.paths import ROOT
from storefront.sandbox.seed.catalog import seed_catalog
from storefront.sandbox.seed.downloads import seed_download
from storefront.sandbox.seed.files import (
    build_archives,
    find_missing,
    read_pictures,
    send_files,
)
from storefront.sandbox.seed.license_use import seed_license_use
from storefront.sandbox.seed.misuse import seed_misuse
from storefront.sandbox.seed.outgoing import seed_outgoing
from storefront.sandbox.seed.people import seed_people
from storefront.sandbox.seed.promos import seed_promos
from storefront.sandbox.seed.refunds import seed_refunds
from storefront.sandbox.seed.sales import seed_sales
from storefront.sandbox.seed.seller import seed_seller
from storefront.sandbox.seed.tebex import seed_tebex
from storefront.sandbox.seed.topups import seed_topups

COVERS = ROOT / "build" / "covers"


def main() -> None:
    """Seed and write the summary that scripts read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-summary", type=Path)
    parser.add_argument("--covers", type=Path, default=COVERS)
    arguments = parser.parse_args()
    try:
        shop = boot(Settings.from_env())
    except SettingsError as error:
        sys.exit(str(error))
    seed(shop, covers=arguments.covers)
    if arguments.write_summary:
        write_summary(shop, arguments.write_summary)


def seed(shop: Shop, *, covers: Path = COVERS) -> None:
    """Fill the shop. Ends the program where the shop is one of production."""
    if shop.settings.is_production:
        sys.exit("Refused: the demo's products and people have no place in production.")
    archives = build_archives(shop)
    files = find_missing(shop, {**archives, **read_pictures(covers)})
    # Sending files is waiting for the bucket mostly, and only the download needs one of them.
    with ThreadPoolExecutor(1) as beside:
        sending = beside.submit(send_files, shop, files)
        _seed_rows(shop, archives)
        sending.result()
    seed_download(shop)


def _seed_rows(shop: Shop, archives: Mapping[str, bytes]) -> None:
    now = shop.clock()
    seed_catalog(shop, archives, now=now)
    seed_people(shop, now=now)
    seed_refunds(shop, now=now)
    seed_seller(shop)
    seed_sales(shop, now=now)
    seed_promos(shop, now=now)
    seed_topups(shop, now=now)
    seed_license_use(shop, now=now)
    seed_tebex(shop, now=now)
    seed_misuse(shop, now=now)
    seed_outgoing(shop, now=now)


def write_summary(shop: Shop, path: Path) -> None:
    """Write down who can sign in, and which licences there are with their keys."""
    path.write_text(json.dumps(_summarise(shop), indent=2))


def _summarise(shop: Shop) -> dict[str, Any]:
    now = shop.clock()
    with shop.database.reading() as session:
        users = session.scalars(select(User).order_by(User.id)).all()
        licenses = session.execute(
            select(License, Product.slug, User.username)
            .join(Product, Product.id == License.product_id)
            .join(User, User.id == License.user_id)
            .order_by(License.id)
        ).all()
    return {
        "users": [
            {"name": user.username, "role": user.role, "discord_id": user.discord_id}
            for user in users
        ],
        "licenses": [
            {
                "key": shop.vault.open(license.key_encrypted),
                "product": slug,
                "status": license.effective_status(now),
                "owner": owner,
            }
            for license, slug, owner in licenses
        ],
    }


if __name__ == "__main__":
    main()
