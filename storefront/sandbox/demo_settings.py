"""What the demo tells the shop: addresses, kept secrets, the whole environment of each process."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from storefront.kit.signing import make_signing_key
from storefront.sandbox.services.ports import LOOPBACK, choose_port
from storefront.sandbox.world import state as world

# Every process of a demo carries it, so that the next start finds what a kill -9 left behind.
MARK = "STOREFRONT_DEMO_DIR"
STRIPE_WEBHOOK_PATH = "/api/webhooks/stripe"
OWNER_DISCORD_ID = "100000000000000001"

# What the calling shell must not leak into the shop: other servers, proxies, tools' options.
FOREIGN_PREFIXES = ("PG", "AWS_", "GRANIAN_", "FLASK_", "RQ_", "STRIPE_", "TEBEX_", "PYTHON")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one demo."""

    web: int
    sandbox: int
    smtp: int
    s3: int
    postgres: int
    valkey: int

    @property
    def url(self) -> str:
        """Where the shop is."""
        return f"http://{LOOPBACK}:{self.web}"

    @property
    def sandbox_url(self) -> str:
        """Where the outside world is."""
        return f"http://{LOOPBACK}:{self.sandbox}"


@dataclass(frozen=True)
class Secrets:
    """Made once per demo and kept, so that sessions and licence keys outlive a restart."""

    secret_key: str
    license_pepper: str
    license_encryption_key: str
    stripe_webhook_secret: str
    license_signing_key: str


def choose_ports(folder: Path, *, web: int) -> Ports:
    """The ports of the last run where they are still free (stored links stay good), else new ones.

    `web` 0 means any free port. Raises OSError when none is free.
    """
    path = folder / "ports.json"
    last = _read_json(path)

    promised: set[int] = {web}

    def port(name: str) -> int:
        known = last.get(name)
        chosen = choose_port(known if isinstance(known, int) else None, but=promised)
        promised.add(chosen)
        return chosen

    ports = Ports(
        web=web or port("web"),
        sandbox=port("sandbox"),
        smtp=port("smtp"),
        s3=port("s3"),
        postgres=port("postgres"),
        valkey=port("valkey"),
    )
    write_private(path, json.dumps(asdict(ports)))
    return ports


def kept_secrets(folder: Path) -> Secrets:
    """The demo's secrets, from `secrets.json` (0600) or made anew."""
    path = folder / "secrets.json"
    known = _read_json(path)
    fresh = Secrets(
        secret_key=secrets.token_urlsafe(48),
        license_pepper=secrets.token_urlsafe(48),
        license_encryption_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        stripe_webhook_secret=f"whsec_{secrets.token_urlsafe(24)}",
        license_signing_key=make_signing_key(),
    )
    kept = Secrets(**{name: str(known.get(name) or new) for name, new in asdict(fresh).items()})
    if asdict(kept) != known:
        write_private(path, json.dumps(asdict(kept)))
    return kept


def shop_settings(
    ports: Ports, kept: Secrets, *, database_url: str, redis_url: str
) -> dict[str, str]:
    """Every variable the shop reads, pointed at the sandbox and the embedded servers."""
    return {
        "ENVIRONMENT": "demo",
        "PUBLIC_URL": ports.url,
        "SECRET_KEY": kept.secret_key,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ADMIN_DISCORD_IDS": OWNER_DISCORD_ID,
        "LICENSE_PEPPER": kept.license_pepper,
        "LICENSE_ENCRYPTION_KEYS": kept.license_encryption_key,
        "LICENSE_SIGNING_KEYS": kept.license_signing_key,
        "DISCORD_CLIENT_ID": world.DISCORD_CLIENT_ID,
        "DISCORD_CLIENT_SECRET": world.DISCORD_CLIENT_SECRET,
        "DISCORD_URL": f"{ports.sandbox_url}/discord",
        "DISCORD_BOT_TOKEN": world.DISCORD_BOT_TOKEN,
        "DISCORD_GUILD_ID": world.DISCORD_GUILD_ID,
        "STRIPE_SECRET_KEY": world.STRIPE_SECRET_KEY,
        "STRIPE_WEBHOOK_SECRETS": kept.stripe_webhook_secret,
        "STRIPE_API_URL": f"{ports.sandbox_url}/stripe",
        "TEBEX_WEBHOOK_SECRETS": world.TEBEX_WEBHOOK_SECRET,
        "SMTP_URL": f"smtp://{world.SMTP_USER}:{world.SMTP_PASSWORD}@{LOOPBACK}:{ports.smtp}",
        "MAIL_FROM": "QR Studios <shop@qrstudios.example>",
        "S3_ENDPOINT_URL": f"http://{LOOPBACK}:{ports.s3}",
        "S3_BUCKET": world.S3_BUCKET,
        "S3_REGION": "us-east-1",
        "S3_ACCESS_KEY_ID": world.S3_ACCESS_KEY,
        "S3_SECRET_ACCESS_KEY": world.S3_SECRET_KEY,
        "TRUSTED_PROXIES": "",
        "SHOP_NAME": "QR Studios",
        "DISCORD_INVITE_URL": "https://discord.com/invite/example",
    }


def process_environment(
    folder: Path, settings: Mapping[str, str], outer: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a child: the caller's without what is foreign, and the shop's settings."""
    outer = os.environ if outer is None else outer
    kept = {
        name: value
        for name, value in outer.items()
        if not name.startswith(FOREIGN_PREFIXES) and name not in PROXIES
    }
    return kept | dict(settings) | {MARK: str(folder), "PYTHONUNBUFFERED": "1"}


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    draft.replace(path)


def _read_json(path: Path) -> dict[str, object]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
