"""Products from the staff's side: writing them, selling them in tiers, shelving them.

A draft (`ProductDraft`) is everything that can be edited. It is checked as a whole, and refused
with everything that is wrong (`DraftRefused`); nothing is stored by halves.
"""

from storefront.catalog.editing.rows import read_rows
from storefront.catalog.editing.rules import (
    DraftRefused,
    Fault,
    Problem,
    ProductDraft,
    TierDraft,
    slug_from,
)
from storefront.catalog.editing.service import (
    create_product,
    delete_draft,
    duplicate_product,
    update_product,
)
from storefront.catalog.editing.shelving import (
    MOST_AT_ONCE,
    BulkOutcome,
    Refusal,
    move_product,
    move_products,
    set_status,
    set_statuses,
)

__all__ = [
    "MOST_AT_ONCE",
    "BulkOutcome",
    "DraftRefused",
    "Fault",
    "Problem",
    "ProductDraft",
    "Refusal",
    "TierDraft",
    "create_product",
    "delete_draft",
    "duplicate_product",
    "move_product",
    "move_products",
    "read_rows",
    "set_status",
    "set_statuses",
    "slug_from",
    "update_product",
]
