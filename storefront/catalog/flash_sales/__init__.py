"""Flash sales from the staff's side: planning them, changing them, ending them.

What shoppers pay is calculated in `storefront.catalog.pricing` and `storefront.catalog.cards` from
the clock; nothing here has to run for a sale to begin or to end.
"""

from storefront.catalog.flash_sales.rules import ItemDraft, SaleDraft, SaleRefused
from storefront.catalog.flash_sales.service import (
    change_sale,
    delete_sale,
    end_sale,
    refresh_references,
    schedule_sale,
)

__all__ = [
    "ItemDraft",
    "SaleDraft",
    "SaleRefused",
    "change_sale",
    "delete_sale",
    "end_sale",
    "refresh_references",
    "schedule_sale",
]
