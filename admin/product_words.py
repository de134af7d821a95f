"""Saying in words what is wrong with a product. Each sentence stands alone: in a form, in the list
of errors above it, and beside the line of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from storefront.catalog.editing import DraftRefused, Fault, Problem
from storefront.catalog.models import ProductStatus
from storefront.errors import DomainError
from storefront.kit.money import Money
from storefront.language import money_text
from storefront.messages import message_for

STATUS_NAMES: Final = {
    ProductStatus.DRAFT: _("Draft"),
    ProductStatus.PUBLISHED: _("Published"),
    ProductStatus.COMING_SOON: _("Coming soon"),
    ProductStatus.ARCHIVED: _("Archived"),
}
FIELD_NAMES: Final = {
    "slug": _("Web address"),
    "category_id": _("Category"),
    "name_th": _("Thai name"),
    "name_en": _("English name"),
    "summary_th": _("Thai summary"),
    "summary_en": _("English summary"),
    "description_th": _("Thai description"),
    "description_en": _("English description"),
    "features_th": _("Thai features"),
    "features_en": _("English features"),
    "tags": _("Tags"),
    "frameworks": _("Frameworks"),
    "dependencies": _("Dependencies"),
    "delivery": _("Delivery"),
    "resource_cost_us": _("Load in ms"),
    "docs_url": _("Documentation"),
    "video_url": _("Video"),
    "tiers": _("Licence tiers"),
    "contents": _("Bundle contents"),
    "tiers.code": _("Code"),
    "tiers.name_th": _("Thai name"),
    "tiers.name_en": _("English name"),
    "tiers.price": _("Price"),
    "tiers.original": _("Earlier price"),
    "tiers.stock": _("Units"),
    "tiers.slots": _("Servers"),
    "tiers.duration_days": _("Days"),
}
_FAULTS: Final = {
    Fault.MISSING: _("this is missing."),
    Fault.TOO_LONG: _("at most %(limit)s characters."),
    Fault.TOO_MANY: _("at most %(limit)s entries."),
    Fault.ENTRY_TOO_LONG: _("each entry has at most %(limit)s characters."),
    Fault.BAD_SLUG: _("small letters a to z, digits and single hyphens only."),
    Fault.SLUG_TAKEN: _("another product has this address already."),
    Fault.UNKNOWN_CATEGORY: _("choose a category."),
    Fault.UNKNOWN_DELIVERY: _("choose open source or protected."),
    Fault.UNKNOWN_FRAMEWORK: _("choose among those that are offered."),
    Fault.BAD_LINK: _("write a whole address that begins with https://."),
    Fault.VIDEO_NOT_KNOWN: _("videos can be on YouTube, Vimeo, Streamable or Medal."),
    Fault.OUT_OF_RANGE: _("choose a number that is allowed, at most %(limit)s."),
    Fault.NO_TIER: _("add at least one tier before this can be sold."),
    Fault.UNKNOWN_TIER: _("this tier does not exist any more. Load the page again."),
    Fault.CODE_TAKEN: _("every tier needs a code of its own."),
    Fault.PRICE_OUT_OF_RANGE: _("choose a price between ฿0 and %(amount)s."),
    Fault.STRUCK_NOT_ABOVE: _("the earlier price must be above the price of now."),
    Fault.STRUCK_TOO_HIGH: _(
        "the earlier price must be the lowest of the last 30 days, at most %(amount)s."
    ),
    Fault.STRUCK_WITHOUT_HISTORY: _("a new tier has no earlier price that could be struck out."),
    Fault.STOCK_BELOW_SOLD: _(
        "%(limit)s units are sold or in open payments already, so it cannot be less."
    ),
    Fault.TIER_HELD: _(
        "somebody is paying for a tier that you removed. Try again when the payment is over."
    ),
    Fault.TIER_ON_SALE: _("a tier that you removed is in a flash sale. End the sale first."),
    Fault.CONTENT_UNKNOWN: _("there is no such product."),
    Fault.CONTENT_TWICE: _("this product is in the bundle twice."),
    Fault.CONTENT_ITSELF: _("a bundle cannot hold itself."),
    Fault.CONTENT_IS_BUNDLE: _("a bundle cannot hold another bundle."),
    Fault.CONTENT_NOT_SOLD: _("this product is not published yet, so it cannot be delivered."),
    Fault.INSIDE_A_BUNDLE: _("this product is part of a bundle, so it cannot be one itself."),
}
_IN_SATANG: Final = (Fault.PRICE_OUT_OF_RANGE, Fault.STRUCK_TOO_HIGH)


def sentence_of(problem: Problem, *, row: int | None = None) -> str:
    """One problem in words, with the name of its field. `row` is the number people count tiers
    and parts by where it is not the problem's own."""
    place = problem.row if row is None else row
    name = str(FIELD_NAMES.get(problem.field, problem.field))
    if problem.field.startswith("tiers.") and place is not None:
        name = gettext("Tier %(number)s, %(field)s", number=place + 1, field=name)
    elif place is not None:
        name = gettext("%(field)s, line %(number)s", number=place + 1, field=name)
    return f"{name}: {words_for(problem.fault, limit=problem.limit)}"


def words_for(fault: Fault, *, limit: int) -> str:
    """What is wrong, without the name of the field."""
    words = {"limit": f"{limit:,}"}
    if fault in _IN_SATANG:
        words["amount"] = money_text(Money(limit))
    return str(_FAULTS[fault]) % words


def reasons_of(error: DomainError) -> Sequence[str]:
    """Why a change was refused, a sentence for each reason."""
    if isinstance(error, DraftRefused):
        return [sentence_of(problem) for problem in error.problems]
    return [message_for(error)]
