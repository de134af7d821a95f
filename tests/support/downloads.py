"""Archives of releases as buyers download them."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID

import requests
from flask.testing import FlaskClient
from sqlalchemy import select

from jobs.outbox import sweep_outbox
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Release
from storefront.delivery import flow
from storefront.delivery.flow import Wanted
from storefront.kit.ids import new_id
from storefront.kit.signing import PublicKey
from storefront.licenses.models import License
from storefront.loader.archives import add_loader
from storefront.sandbox.seed.archives import build_archive
from storefront.sandbox.seed.content import products
from tests.support.archives import archive

NO_WAIT = timedelta(0)


def script_archive(slug: str = "qr-garage") -> bytes:
    """The archive of a script as the demo sells it: some files of its own, and the loader."""
    product = next(one for one in products() if one.slug == slug)
    with add_loader(
        io.BytesIO(build_archive(product, product.releases[0])),
        product_slug=slug,
        verify_url="https://shop.example/api/licenses/verify",
        public_keys=[PublicKey(kid="key", pem="", modulus="ab" * 256, exponent=65537)],
    ) as made:
        return made.read()


def large_archive(files: int, lines: int) -> bytes:
    """A resource of many Lua files whose lines all differ."""
    bodies = {
        f"big/file{n}.lua": "\n".join(f"local value_{n}_{i} = {i}" for i in range(lines)).encode()
        for n in range(files)
    }
    return archive({"big/fxmanifest.lua": b"fx_version 'cerulean'\n", **bodies})


def store_archive(shop: Shop, release: Release, body: bytes | None = None) -> None:
    """Put what staff uploaded where the release says."""
    shop.files.put(release.file_key, body or script_archive(), content_type="application/zip")


def license_of(shop: Shop, user: User) -> UUID:
    """The id of the first licence of this user."""
    with shop.database.reading() as session:
        return (
            session.scalars(
                select(License.id).where(License.user_id == user.id).order_by(License.id)
            ).first()
            or new_id()
        )


def work(shop: Shop) -> None:
    """Let the worker do what waits."""
    sweep_outbox(shop, overdue=NO_WAIT)


def download(shop: Shop, user: User, release: Release) -> bytes:
    """What this owner gets: the copy is made first."""
    wanted = Wanted(license_of(shop, user), release.id, user.id)
    link = flow.create_download_link(shop, wanted, address="127.0.0.1")
    if link is None:
        work(shop)
        link = flow.create_download_link(shop, wanted, address="127.0.0.1")
    assert link is not None
    answer = requests.get(link, timeout=10)
    answer.raise_for_status()
    return answer.content


def ask(client: FlaskClient, license_id: UUID, release: Release) -> str:
    """Press "Download"; where it leads."""
    answer = client.post(
        f"/account/licenses/{license_id}/downloads", data={"release_id": str(release.id)}
    )
    assert answer.status_code == 303, answer.text
    return answer.location


def as_file(body: bytes) -> io.BytesIO:
    """Bytes as a file."""
    return io.BytesIO(body)
