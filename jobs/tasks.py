"""What the worker can do: the name of each task and the one function it calls. Every task takes
ids, loads what it needs, and may run twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobs import (
    copies,
    discord_roles,
    leaks,
    mail,
    outgoing,
    payments,
    pictures,
    receipts,
    reconciliation,
    refunds,
    release_uploads,
    releases,
    search,
    share_cards,
    tebex,
    webhooks,
)
from storefront.bootstrap import Shop

Task = Callable[[Shop, Mapping[str, Any]], None]

TASKS: Mapping[str, Task] = {
    "apply_webhook": webhooks.apply,
    "deliver_tebex_purchase": tebex.deliver,
    "send_mail": mail.send_mail,
    "draw_share_card": share_cards.draw,
    "draw_shop_card": share_cards.draw_general,
    "close_overdue_payment": payments.close_overdue,
    "refresh_payment": payments.refresh,
    "close_overdue_order": payments.close_order,
    "make_pictures": pictures.make_pictures,
    "forget_picture": pictures.forget_picture,
    "send_refund": refunds.send,
    "refresh_refunds": refunds.refresh,
    "forget_archive": releases.forget_archive,
    "announce_release": releases.announce_release,
    "check_release_upload": release_uploads.check_release_upload,
    "forget_upload": release_uploads.forget_upload,
    "prepare_copy": copies.prepare,
    "search_leak": leaks.search,
    "forget_leak": leaks.forget,
    "forget_copy": copies.forget,
    "number_receipts": receipts.number,
    "index_product": search.index_product,
    "index_stale": search.index_stale,
    "reconcile": reconciliation.run,
    "fan_out_outgoing": outgoing.fan_out_event,
    "send_outgoing": outgoing.send,
    "align_discord_roles": discord_roles.align,
}
