"""Every table of the shop, gathered for migrations and for relationships by name."""

from storefront import outbox
from storefront.accounts import models as accounts
from storefront.cart import models as cart
from storefront.catalog import models as catalog
from storefront.catalog import price_models as catalog_prices
from storefront.catalog.search import models as catalog_search
from storefront.catalog.uploads import models as catalog_uploads
from storefront.delivery import models as delivery
from storefront.discord_roles import models as discord_roles
from storefront.disputes import models as disputes
from storefront.guests import models as guests
from storefront.ledger import models as ledger
from storefront.licenses import abuse_models as license_abuse
from storefront.licenses import gift_models as license_gifts
from storefront.licenses import models as licenses
from storefront.licenses import usage_models as license_use
from storefront.notifications import models as notifications
from storefront.orders import models as orders
from storefront.outgoing import models as outgoing
from storefront.payments import models as payments
from storefront.promos import models as promos
from storefront.receipts import models as receipts
from storefront.reconciliation import models as reconciliation
from storefront.refunds import models as refunds
from storefront.renewals import models as renewals
from storefront.tebex import models as tebex
from storefront.wallet import models as wallet

__all__ = [
    "accounts",
    "cart",
    "catalog",
    "catalog_prices",
    "catalog_search",
    "catalog_uploads",
    "delivery",
    "discord_roles",
    "disputes",
    "guests",
    "ledger",
    "license_abuse",
    "license_gifts",
    "license_use",
    "licenses",
    "notifications",
    "orders",
    "outbox",
    "outgoing",
    "payments",
    "promos",
    "receipts",
    "reconciliation",
    "refunds",
    "renewals",
    "tebex",
    "wallet",
]
