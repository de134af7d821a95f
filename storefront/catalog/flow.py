"""Taking pictures in: checked, stored, and only then written down.

A file is stored outside every transaction. Before that the intent is written, so that a process
that dies in between leaves nothing behind for ever; afterwards comes the row that needs the file.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from storefront.catalog.gallery import add_image, original_key, plan_image
from storefront.catalog.models import ProductImage
from storefront.catalog.pictures import inspect_picture
from storefront.db import Database
from storefront.kit.ids import new_id
from storefront.providers.files import FileStore


def upload_picture(
    database: Database,
    files: FileStore,
    product_id: UUID,
    *,
    body: bytes,
    actor_id: UUID,
    now: datetime,
) -> ProductImage:
    """Take a picture in; the worker makes its sizes. Raises Invalid `picture_*` before anything
    is stored, NotFound `product`, Conflict `images_full`, FilesUnavailable."""
    inspect_picture(body)
    image_id = new_id()
    with database.transaction() as session:
        plan_image(session, image_id, now=now)
    # What it says it is does not matter: nobody but the worker ever reads it.
    files.put(original_key(image_id), body, content_type="application/octet-stream")
    with database.transaction() as session:
        return add_image(session, product_id, image_id=image_id, actor_id=actor_id)
