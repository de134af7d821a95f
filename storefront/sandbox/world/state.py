"""What the stand-ins share: the store, the addresses, the keys and the trouble asked for."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from storefront.sandbox.world.storage import JsonObject, Store

STRIPE_SECRET_KEY = "sk_test_sandbox"  # noqa: S105 - a stand-in's key, published on purpose
STRIPE_WEBHOOK_SECRET = "whsec_sandbox"  # noqa: S105 - as above
TEBEX_WEBHOOK_SECRET = "tebex-sandbox-secret"  # noqa: S105 - as above
DISCORD_CLIENT_ID = "100000000000000099"
DISCORD_CLIENT_SECRET = "sandbox-discord-secret"  # noqa: S105 - as above
DISCORD_BOT_TOKEN = "sandbox-bot-token-of-the-shop"  # noqa: S105 - as above
DISCORD_GUILD_ID = "300000000000000001"
SMTP_USER = "sandbox"
SMTP_PASSWORD = "sandbox"  # noqa: S105 - as above
S3_ACCESS_KEY = "sandbox-access-key"
S3_SECRET_KEY = "sandbox-secret-key"  # noqa: S105 - as above
S3_BUCKET = "shop"


@dataclass
class Fault:
    """Trouble for the next `times` calls whose "METHOD /v1/path" matches the glob `match`.

    With `seconds` the call hangs that long and the connection is dropped; without, it is
    answered with `status`. With `after_effect` the work is done first and its answer lost. With
    `answers` it hangs, before or after its effect, and is answered well after all.
    """

    match: str
    times: int = 1
    status: int = 500
    after_effect: bool = False
    seconds: float | None = None
    answers: bool = False


@dataclass
class WebhookKnobs:
    """`jitter_ms` is the most that chance adds to the delay of each delivery. `delays` are more
    milliseconds for events whose type matches a glob, and what `drop` matches is never sent: so
    any event can overtake, or be missed by, any other."""

    paused: bool = False
    duplicate: int = 0
    shuffle: bool = False
    delay_ms: int = 0
    jitter_ms: int = 0
    delays: dict[str, int] = field(default_factory=dict)
    drop: list[str] = field(default_factory=list)


@dataclass
class StripeKnobs:
    """`card_refunds` is the first status of a card's refund: succeeded, pending or failed.
    `jitter_ms` is the most that chance adds to the delay of each call."""

    delay_ms: int = 0
    jitter_ms: int = 0
    card_refunds: str = "succeeded"
    faults: list[Fault] = field(default_factory=list)
    webhooks: WebhookKnobs = field(default_factory=WebhookKnobs)


@dataclass
class Call:
    """A call of Stripe's API: it came, perhaps it had its effect, perhaps it was answered."""

    id: str
    name: str
    has_effect: bool = False
    is_answered: bool = False


@dataclass
class DiscordKnobs:
    """`limit_roles` refuses so many calls about roles with 429 and `retry_after` seconds;
    `lose_role_answers` does the work of so many and drops the line."""

    fail_token: bool = False
    down: bool = False
    forbid_roles: bool = False
    limit_roles: int = 0
    retry_after: float = 0.0
    lose_role_answers: int = 0


@dataclass
class ReceiverKnobs:
    """How the receiver of the shop's webhooks answers the next `times` messages (for ever when it
    is 0): with `status` after `delay_ms`, with `retry_after` seconds when there are any, and with
    `body`. `hang_up` drops the line after the message was taken."""

    status: int = 204
    times: int = 0
    delay_ms: int = 0
    retry_after: int = 0
    body: str = ""
    hang_up: bool = False


@dataclass
class MailKnobs:
    """`delay_ms` is how long the server says nothing once it has the text of a mail."""

    down: bool = False
    refuse: str | None = None
    delay_ms: int = 0


@dataclass
class S3Knobs:
    down: bool = False


@dataclass
class World:
    """One running sandbox. Knobs live in memory only: a restart is a world without trouble."""

    store: Store
    webhook_url: str | None = None
    webhook_secret: str = STRIPE_WEBHOOK_SECRET
    stripe_secret_key: str = STRIPE_SECRET_KEY
    base_url: str = ""
    clock: Callable[[], float] = time.time
    stripe: StripeKnobs = field(default_factory=StripeKnobs)
    discord: DiscordKnobs = field(default_factory=DiscordKnobs)
    receiver: ReceiverKnobs = field(default_factory=ReceiverKnobs)
    mail: MailKnobs = field(default_factory=MailKnobs)
    s3: S3Knobs = field(default_factory=S3Knobs)
    tebex: dict[str, JsonObject] = field(default_factory=dict)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=500))
    lock: threading.Lock = field(default_factory=threading.Lock)
    wake: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    set_mail_down: Callable[[bool], None] = lambda _down: None

    def take_fault(self, call: str) -> Fault | None:
        """Use up one turn of the first fault that matches `call` ("POST /v1/refunds")."""
        with self.lock:
            for fault in self.stripe.faults:
                if fnmatchcase(call, fault.match):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.stripe.faults.remove(fault)
                    return fault
        return None
