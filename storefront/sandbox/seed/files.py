"""The files of the demo catalogue: an archive for each release and the pictures, for the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path, PurePosixPath

from sqlalchemy import exists, select

from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.loader.archives import add_loader
from storefront.loader.files import verify_url
from storefront.sandbox.seed.archives import build_archive
from storefront.sandbox.seed.content import SeedProduct, SeedRelease, products
from storefront.sandbox.seed.covers import generate_covers

AT_ONCE = 8
CONTENT_TYPES = {".webp": "image/webp", ".png": "image/png", ".zip": "application/zip"}


def release_key(product: SeedProduct, release: SeedRelease) -> str:
    """Where a release's file lies in the bucket."""
    return f"releases/{product.slug}/{product.slug}-{release.version}.zip"


def build_archives(shop: Shop) -> Mapping[str, bytes]:
    """The archive of every release by its place in the bucket, as an upload's check would leave it:
    in protected scripts with the loader of this shop."""
    return {
        release_key(product, release): _finish(shop, product, build_archive(product, release))
        for product in products()
        for release in product.releases
    }


def _finish(shop: Shop, product: SeedProduct, archive: bytes) -> bytes:
    if product.delivery != "protected":
        return archive
    with add_loader(
        BytesIO(archive),
        product_slug=product.slug,
        verify_url=verify_url(shop.settings.public_url),
        public_keys=shop.signing.public,
    ) as made:
        return made.read()


def read_pictures(covers: Path) -> Mapping[str, bytes]:
    """Every picture by its place in the bucket; drawn now where the folder lacks it."""
    generate_covers(covers)
    return {
        f"covers/{path.name}": path.read_bytes()
        for path in covers.iterdir()
        if path.suffix in CONTENT_TYPES
    }


def find_missing(shop: Shop, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Those that have to be sent; what lies in the bucket of a shop with products stays as it is.
    To be asked before the products are there."""
    with shop.database.reading() as session:
        if not session.scalar(select(exists().select_from(Product))):
            # No file of such a shop has to stay, and asking costs as much as sending.
            return files
    with ThreadPoolExecutor(AT_ONCE) as pool:
        there = pool.map(shop.files.has, files)
        return {key: files[key] for key, is_there in zip(files, there, strict=True) if not is_there}


def send_files(shop: Shop, files: Mapping[str, bytes]) -> None:
    """Put them into the bucket. Raises FilesUnavailable."""

    def put(key: str) -> None:
        content_type = CONTENT_TYPES[PurePosixPath(key).suffix]
        shop.files.put(key, files[key], content_type=content_type)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(put, files):
            pass
