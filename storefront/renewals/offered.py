"""What can be bought for the keys of a request's visitor: asked once per request."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from flask_login import current_user

from storefront.renewals.queries import list_offers
from storefront.renewals.rules import Offers
from storefront.web import header_figure, read, shop, visitor

_NOTHING: Final[Mapping[UUID, Offers]] = MappingProxyType({})


def _key_offers() -> Mapping[UUID, Offers]:
    if not current_user.is_authenticated:
        return _NOTHING
    return list_offers(read(), visitor().id, now=shop().clock())


key_offers: Final = header_figure(_key_offers, otherwise=_NOTHING)
