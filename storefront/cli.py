"""Chores: `python -m storefront.cli migrate | index-products | check-settings | ...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from storefront.bootstrap import boot
from storefront.catalog.search.indexing import rebuild_index
from storefront.config import Settings, SettingsError
from storefront.kit.signing import make_signing_key
from storefront.migrate import migrate
from storefront.translations_check import find_gaps


def main() -> None:
    """Run one chore; exit code 1 and a plain message when it fails."""
    parser = argparse.ArgumentParser(prog="python -m storefront.cli", description=__doc__)
    parser.add_argument("chore", choices=sorted(CHORES))
    try:
        sys.exit(CHORES[parser.parse_args().chore]())
    except SettingsError as error:
        sys.exit(str(error))


def run_migrate() -> int:
    """Bring the database of DATABASE_URL up to date."""
    migrate(boot(Settings.from_env()).database.engine)
    return 0


def index_products() -> int:
    """Read every product for the search again, while the shop goes on."""
    read = rebuild_index(boot(Settings.from_env()).database)
    print(f"{read} products indexed")
    return 0


def check_settings() -> int:
    """Read all settings and say whether the shop could start with them."""
    print(f"{Settings.from_env()} is complete")
    return 0


def allow_uploads() -> int:
    """Let the shop's pages send files straight into the bucket: writes its CORS rule anew. Once
    after the bucket was made, and again when PUBLIC_URL has changed."""
    shop = boot(Settings.from_env())
    shop.files.parts.allow_origin(shop.settings.origin)
    return 0


def print_signing_key() -> int:
    """A new private key for LICENSE_SIGNING_KEYS."""
    print(make_signing_key())
    return 0


def check_translations() -> int:
    """Every sentence of code and templates has a Thai translation."""
    gaps = find_gaps()
    print("\n".join(gaps) if gaps else "translations are complete")
    return 1 if gaps else 0


CHORES: Mapping[str, Callable[[], int]] = {
    "allow-uploads": allow_uploads,
    "migrate": run_migrate,
    "index-products": index_products,
    "check-settings": check_settings,
    "check-translations": check_translations,
    "make-signing-key": print_signing_key,
}

if __name__ == "__main__":
    main()
