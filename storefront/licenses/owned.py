"""What the visitor of a request owns: asked once per request, and never for guests."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask_login import current_user

from storefront.licenses.queries import find_owned_products
from storefront.web import header_figure, read, shop, visitor


def _owned_products() -> frozenset[UUID]:
    if not current_user.is_authenticated:
        return frozenset()
    return find_owned_products(read(), visitor().id, now=shop().clock())


owned_products: Final = header_figure(_owned_products, otherwise=frozenset[UUID]())
