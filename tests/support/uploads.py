"""Uploads of releases as a page's script makes them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import requests

from storefront.bootstrap import Shop
from storefront.catalog.models import Product
from storefront.catalog.releases import ReleaseText
from storefront.catalog.uploads.flow import begin_upload, complete_upload, sign_part
from storefront.catalog.uploads.models import ReleaseUpload
from storefront.catalog.uploads.rules import PART_BYTES, count_parts

STABLE = ReleaseText("stable", "ใหม่", "New")


@dataclass(frozen=True, slots=True)
class Uploader:
    """Somebody of the staff in front of the form of one product."""

    shop: Shop
    product: Product
    actor_id: UUID

    def begin(
        self, body: bytes, *, version: str = "2.0.0", words: ReleaseText = STABLE
    ) -> ReleaseUpload:
        """Nothing of the file has been sent yet."""
        return begin_upload(
            self.shop.database,
            self.shop.files,
            self.product.id,
            version=version,
            words=words,
            size_bytes=len(body),
            actor_id=self.actor_id,
            now=self.shop.clock(),
        )

    def send(self, upload: ReleaseUpload, body: bytes) -> None:
        """Every part, straight to the store."""
        for number in range(1, count_parts(len(body)) + 1):
            link = sign_part(
                self.shop.database, self.shop.files, self.product.id, upload.id, number=number
            )
            part = body[(number - 1) * PART_BYTES : number * PART_BYTES]
            requests.put(link, data=part, timeout=30).raise_for_status()

    def complete(self, upload: ReleaseUpload) -> ReleaseUpload:
        """Everything is sent."""
        return complete_upload(
            self.shop.database,
            self.shop.files,
            self.product.id,
            upload.id,
            now=self.shop.clock(),
        )

    def upload(
        self, body: bytes, *, version: str = "2.0.0", words: ReleaseText = STABLE
    ) -> ReleaseUpload:
        """All of it; the worker is next."""
        upload = self.begin(body, version=version, words=words)
        self.send(upload, body)
        return self.complete(upload)

    def find(self, upload: ReleaseUpload) -> ReleaseUpload:
        """As it stands now."""
        with self.shop.database.reading() as session:
            return session.get_one(ReleaseUpload, upload.id)
