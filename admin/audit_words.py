"""The audit in words: actions, things, and values as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flask_babel import lazy_gettext as _
from sqlalchemy import Select, cast, select
from sqlalchemy import String as Text
from sqlalchemy.orm import Session

from storefront.accounts.audit import AuditRow, Change, changes_in, facts_in
from storefront.accounts.models import User
from storefront.catalog.models import CatalogImport, Category, Product, Release
from storefront.catalog.price_models import FlashSale
from storefront.delivery.models import LeakSearch
from storefront.i18n import current_locale
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.language import datetime_text, money_text
from storefront.orders.models import Order
from storefront.payments.models import Payment, WebhookEvent
from storefront.promos.models import PromoCode

LONGEST_VALUE: Final = 160
_AROUND: Final = 40
_SATANG: Final = "_satang"
# Fields that hold the id of a category.
_SHELVES: Final = frozenset({"category", "category_id", "parent", "parent_id"})

_ACTIONS: Final = {
    "sign_in": _("Signed in"),
    "sign_out": _("Signed out"),
    "adopt_guest": _("Took over the purchases of a guest"),
    "revoke_guest_links": _("Ended the links of a guest"),
    "revoke_license": _("Revoked a licence"),
    "give_license": _("Gave a licence away"),
    "suspend_license": _("Suspended a licence"),
    "restore_license": _("Restored a licence"),
    "extend_license": _("Moved the end of a licence"),
    "rotate_license_key": _("Gave a licence a new key"),
    "note_license": _("Wrote a note about a licence"),
    "free_slot": _("Took a server's slot"),
    "reset_slots": _("Took all slots of a licence"),
    "allow_address": _("Let a server in"),
    "change_license_addresses": _("Changed who is let in by a licence"),
    "accept_license_gift": _("Accepted a licence as a gift"),
    "close_license_flag": _("Closed a flag of a licence"),
    "change_license_rules": _("Changed the rules for shared licences"),
    "map_tebex_package": _("Said what a Tebex package is"),
    "forget_tebex_package": _("Forgot a Tebex package"),
    "mail_tebex_claim": _("Sent a claim mail"),
    "deliver_tebex_purchase": _("Made missing keys of a Tebex purchase"),
    "schedule_flash_sale": _("Planned a flash sale"),
    "change_flash_sale": _("Changed a flash sale"),
    "end_flash_sale": _("Ended a flash sale"),
    "delete_flash_sale": _("Deleted a planned flash sale"),
    "create_promo": _("Created a promo code"),
    "change_promo": _("Changed a promo code"),
    "switch_promo": _("Switched a promo code"),
    "delete_promo": _("Deleted a promo code"),
    "delete_promo_batch": _("Deleted a batch of promo codes"),
    "generate_promo_batch": _("Made a batch of promo codes"),
    "switch_promo_batch": _("Switched a batch of promo codes"),
    "import_catalog": _("Imported products"),
    "create_product": _("Created a product"),
    "change_product": _("Changed a product"),
    "change_product_status": _("Changed the status of a product"),
    "duplicate_product": _("Duplicated a product"),
    "delete_product": _("Deleted a draft"),
    "create_category": _("Created a category"),
    "change_category": _("Changed a category"),
    "move_category": _("Moved a category"),
    "delete_category": _("Deleted a category"),
    "add_image": _("Added a picture"),
    "move_image": _("Moved a picture"),
    "describe_image": _("Described a picture"),
    "remove_image": _("Removed a picture"),
    "add_release": _("Uploaded a version"),
    "begin_upload": _("Began to upload a version"),
    "abandon_upload": _("Stopped the upload of a version"),
    "confirm_findings": _("Confirmed what the check of a version found"),
    "describe_release": _("Changed the texts of a version"),
    "publish_release": _("Published a version"),
    "yank_release": _("Took a version back"),
    "restore_release": _("Published a version again"),
    "remove_draft": _("Deleted the draft of a version"),
    "refund_order": _("Refunded an order"),
    "refund_payment": _("Refunded a payment"),
    "adjust_wallet": _("Adjusted a wallet"),
    "create_topup_package": _("Made a top-up package"),
    "change_topup_package": _("Changed a top-up package"),
    "move_topup_package": _("Moved a top-up package"),
    "add_bonus_tier": _("Added a tier of bonus"),
    "remove_bonus_tier": _("Removed a tier of bonus"),
    "change_topup_limits": _("Changed the limits of top-ups"),
    "refresh_payment": _("Asked the gateway about a payment"),
    "create_endpoint": _("Added an endpoint for webhooks"),
    "change_endpoint": _("Changed an endpoint for webhooks"),
    "delete_endpoint": _("Deleted an endpoint for webhooks"),
    "switch_endpoint": _("Switched an endpoint for webhooks"),
    "rotate_endpoint_secret": _("Rotated the secret of an endpoint"),
    "show_endpoint_secret": _("Looked at the secret of an endpoint"),
    "ping_endpoint": _("Sent a test event"),
    "replay_deliveries": _("Had webhooks sent again"),
    "create_role_rule": _("Added a rule for Discord roles"),
    "change_role_rule": _("Changed a rule for Discord roles"),
    "remove_role_rule": _("Removed a rule for Discord roles"),
    "replay_webhook": _("Had a webhook applied again"),
    "disclose_webhook": _("Looked at the personal data in a webhook"),
    "retry_task": _("Had a task run again"),
    "change_seller": _("Changed who sells"),
    "add_search_word": _("Taught the search a word"),
    "start_reconciliation": _("Began a reconciliation"),
    "note_difference": _("Noted something about a difference"),
    "search_leak": _("Searched a leaked file"),
    "remove_search_word": _("Made the search forget a word"),
}
_THINGS: Final = {
    "user": _("Person"),
    "session": _("Browser"),
    "license": _("Licence"),
    "license_rules": _("Rules for shared licences"),
    "tebex_package": _("Tebex package"),
    "tebex_purchase": _("Tebex purchase"),
    "flash_sale": _("Flash sale"),
    "promo": _("Promo code"),
    "promo_batch": _("Batch of promo codes"),
    "product": _("Product"),
    "variant": _("Tier"),
    "category": _("Category"),
    "release": _("Release"),
    "image": _("Picture"),
    "bundle": _("Bundle"),
    "order": _("Order"),
    "payment": _("Payment"),
    "catalog_import": _("Import"),
    "search_word": _("Search word"),
    "wallet": _("Wallet"),
    "topup_offer": _("Top-up offer"),
    "webhook": _("Webhook"),
    "endpoint": _("Endpoint for webhooks"),
    "role_rule": _("Rule for Discord roles"),
    "task": _("Task"),
    "seller": _("Seller"),
    "reconciliation": _("Reconciliation"),
    "difference": _("Difference"),
    "leak_search": _("Search in a leak"),
}
_FIELDS: Final = {
    "name_th": _("Thai name"),
    "name_en": _("English name"),
    "starts_at": _("Start"),
    "ends_at": _("End"),
    "price_satang": _("Price"),
    "original_price_satang": _("Earlier price"),
    "units": _("Units"),
    "stock": _("Stock"),
    "status": _("Status"),
    "slug": _("Web address"),
    "parent_id": _("Inside"),
    "duration_days": _("Days"),
    "slots": _("Servers"),
    "contents": _("Bundle contents"),
    "featured": _("Put forward"),
    "video_url": _("Video"),
    "docs_url": _("Documentation"),
    "resource_cost_us": _("Load in microseconds"),
    "delivery": _("Delivery"),
    "dependencies": _("Dependencies"),
    "frameworks": _("Frameworks"),
    "tags": _("Tags"),
    "features_en": _("English features"),
    "features_th": _("Thai features"),
    "description_en": _("English description"),
    "description_th": _("Thai description"),
    "summary_en": _("English summary"),
    "summary_th": _("Thai summary"),
    "cancelled": _("Deliveries cancelled"),
    "deliveries": _("Deliveries deleted"),
    "reason": _("Reason"),
    "image": _("Picture"),
    "position": _("Place"),
    "alt_th": _("What it shows, in Thai"),
    "alt_en": _("What it shows, in English"),
    "version": _("Version"),
    "channel": _("Channel"),
    "changelog_th": _("What is new, in Thai"),
    "changelog_en": _("What is new, in English"),
    "code": _("Code"),
    "note": _("Note"),
    "kind": _("Kind"),
    "percent": _("Percent"),
    "amount_satang": _("Amount"),
    "min_subtotal_satang": _("Smallest purchase"),
    "max_discount_satang": _("Largest discount"),
    "total_limit": _("Uses in all"),
    "per_customer_limit": _("Uses per customer"),
    "covers_all": _("Covers everything"),
    "covers": _("Covers"),
    "first_purchase_only": _("First purchase only"),
    "active": _("Active"),
    "batch": _("Batch"),
    "codes": _("Codes"),
    "prefix": _("Prefix"),
    "bonus_satang": _("Bonus"),
    "bonus_days": _("Days of the bonus"),
    "least_satang": _("Least amount"),
    "largest_satang": _("Largest amount"),
    "max_bonus_satang": _("Largest bonus"),
    "basis_points": _("Basis points"),
    "wallet_satang": _("To the wallet"),
    "gateway_satang": _("Through the payment service"),
    "kept_satang": _("Kept for spent bonus"),
    "licenses": _("Licences"),
    "pot": _("Pot"),
    "expires_at": _("Can be spent until"),
    "address_th": _("Thai address"),
    "address_en": _("English address"),
    "tax_id": _("Tax id"),
    "branch": _("Branch"),
    "phone": _("Phone"),
    "email": _("E-mail"),
    "vat_on": _("VAT"),
    "vat_basis_points": _("VAT in basis points"),
    "file_name": _("File"),
    "category": _("Category"),
    "state": _("Status"),
    "answer": _("Answer of the gateway"),
    "event_type": _("Event"),
    "replay": _("Replay"),
    "task": _("Task"),
    "created": _("Created"),
    "changed": _("Changed"),
    "unchanged": _("Unchanged"),
}


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change as the page shows it; a side that was not there is empty."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Thing:
    """What an entry is about: what sort of thing, and its name where it still has one."""

    kind: str
    name: str
    id: str


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One entry in the reader's language."""

    row: AuditRow
    action: str
    thing: Thing
    changes: Sequence[ShownChange]
    facts: Sequence[tuple[str, str]]


def in_words(session: Session, rows: Sequence[AuditRow]) -> list[ShownEntry]:
    """Entries in the reader's language: at most one query per sort of thing on the page."""
    names = _names(session, rows)
    shelves = _shelf_names(session, rows)
    return [
        ShownEntry(
            row=row,
            action=action_name(row.action),
            thing=Thing(
                kind=thing_name(row.subject_type),
                name=names.get((row.subject_type, row.subject_id), ""),
                id=row.subject_id,
            ),
            changes=[_shown(_with_shelf(one, shelves)) for one in changes_in(row.detail)],
            facts=[(field_name(n), value_text(n, value)) for n, value in facts_in(row.detail)],
        )
        for row in rows
    ]


def action_name(action: str) -> str:
    """An action in words; one this version does not know by its own name."""
    return str(_ACTIONS.get(action, action.replace("_", " ")))


def thing_name(subject_type: str) -> str:
    """A sort of thing in words."""
    return str(_THINGS.get(subject_type, subject_type.replace("_", " ")))


def field_name(name: str) -> str:
    """A field in words. `qr-hud/standard.price_satang` is the price of that tier."""
    owner, dot, field = name.rpartition(".")
    known = str(_FIELDS.get(field, field.removesuffix(_SATANG).replace("_", " ")))
    return f"{owner}: {known}" if dot else known


def value_text(name: str, value: Any) -> str:
    """A value as people read it: money, times on the shop's wall clock, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if name.endswith(_SATANG) and isinstance(value, int):
        return money_text(Money(value))
    if isinstance(value, list) and all(isinstance(part, str | int) for part in value):
        return ", ".join(map(str, value))
    if isinstance(value, list | Mapping):
        return json.dumps(value, ensure_ascii=False)
    return _time_text(value) if name.endswith("_at") else str(value)


def _shown(change: Change) -> ShownChange:
    before = value_text(change.name, change.before)
    after = value_text(change.name, change.after)
    start = _first_difference(before, after)
    return ShownChange(field_name(change.name), _cut(before, start), _cut(after, start))


def _shelf_names(session: Session, rows: Sequence[AuditRow]) -> Mapping[str, str]:
    """Names of all categories, where an entry says that one was exchanged for another."""
    if not any(one.name in _SHELVES for row in rows for one in changes_in(row.detail)):
        return {}
    name = Category.name_th if current_locale() == "th" else Category.name_en
    return {str(row[0]): row[1] for row in session.execute(select(Category.id, name))}


def _with_shelf(change: Change, shelves: Mapping[str, str]) -> Change:
    if change.name not in _SHELVES:
        return change
    before, after = (shelves.get(str(one), one) for one in (change.before, change.after))
    return Change(change.name, before, after)


def _first_difference(before: str, after: str) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(before), len(after)))


def _cut(text: str, start: int) -> str:
    """A long text around the place where it begins to differ."""
    if len(text) <= LONGEST_VALUE:
        return text
    begin = max(0, min(start - _AROUND, len(text) - LONGEST_VALUE))
    end = begin + LONGEST_VALUE
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")


def _time_text(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return datetime_text(moment, current_locale()) if moment.tzinfo else str(value)


def _names(session: Session, rows: Sequence[AuditRow]) -> dict[tuple[str, str], str]:
    """The names that the things on this page have today."""
    ids: dict[str, set[UUID]] = {}
    for row in rows:
        found = parse_id(row.subject_id)
        if found is not None:
            ids.setdefault(row.subject_type, set()).add(found)
    return {
        (kind, str(row.id)): str(row.name)
        for kind, query in _name_queries().items()
        if kind in ids
        for row in session.execute(query.where(query.selected_columns[0].in_(ids[kind])))
    }


def _name_queries() -> dict[str, Select[Any]]:
    locale = current_locale()
    order_number = ("QR-" + cast(Order.number, Text)).label("name")
    return {
        "user": select(User.id, User.display_name.label("name")),
        "wallet": select(User.id, User.display_name.label("name")),
        "product": select(Product.id, getattr(Product, f"name_{locale}").label("name")),
        "category": select(Category.id, getattr(Category, f"name_{locale}").label("name")),
        "flash_sale": select(FlashSale.id, getattr(FlashSale, f"name_{locale}").label("name")),
        "promo": select(PromoCode.id, PromoCode.code.label("name")),
        "release": select(Release.id, Release.version.label("name")),
        "order": select(Order.id, order_number),
        "payment": select(Payment.id, Payment.gateway_payment_id.label("name")),
        "webhook": select(WebhookEvent.id, WebhookEvent.event_id.label("name")),
        "leak_search": select(LeakSearch.id, LeakSearch.file_name.label("name")),
        "catalog_import": select(CatalogImport.id, CatalogImport.file_name.label("name")),
    }
