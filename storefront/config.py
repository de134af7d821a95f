"""Settings, read once from the environment. A wrong set refuses to boot, naming every fault."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from storefront.kit.signing import read_signing_key

ENVIRONMENTS = ("production", "demo", "test")
DISCORD_URL = "https://discord.com"
STRIPE_API_URL = "https://api.stripe.com"
LOOPBACK_NAMES = frozenset(
    {
        *("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"),
        "host.docker.internal",
    }
)


class SettingsError(Exception):
    """The environment is incomplete or malformed; the message lists every fault at once."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"The shop cannot start; mend these settings (.env.example):\n{lines}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the shop takes from its environment. Secrets are kept out of `repr`."""

    environment: str
    public_url: str
    secret_key: str
    database_url: str
    redis_url: str
    admin_discord_ids: frozenset[str]
    license_pepper: str
    license_encryption_keys: tuple[str, ...]
    license_signing_keys: tuple[str, ...]
    discord_client_id: str
    discord_client_secret: str
    discord_url: str
    stripe_secret_key: str
    stripe_webhook_secrets: tuple[str, ...]
    stripe_api_url: str
    tebex_webhook_secrets: tuple[str, ...]
    smtp_url: str
    mail_from: str
    s3_endpoint_url: str | None
    s3_bucket: str
    s3_region: str
    s3_access_key_id: str
    s3_secret_access_key: str
    trusted_proxies: tuple[str, ...]
    cloudflare: tuple[str, ...]
    shop_name: str
    discord_invite_url: str
    discord_bot_token: str
    discord_guild_id: str

    def __repr__(self) -> str:
        return f"Settings(environment={self.environment!r}, public_url={self.public_url!r})"

    @property
    def is_production(self) -> bool:
        """Real money, real people: nothing of the sandbox may be reachable."""
        return self.environment == "production"

    @property
    def is_secure(self) -> bool:
        """Whether visitors reach the shop by HTTPS: cookies are Secure and `__Host-` then."""
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """The shop's address as browsers put it into `Origin`."""
        address = urlsplit(self.public_url)
        return f"{address.scheme}://{address.netloc}"

    @property
    def sqlalchemy_url(self) -> str:
        """The database address with the driver SQLAlchemy is to use."""
        return sqlalchemy_url(self.database_url)

    @property
    def live_mode(self) -> bool:
        """Whether the Stripe key moves real money."""
        return "_live_" in self.stripe_secret_key

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check all settings.

        Raises SettingsError with every missing or malformed one.
        """
        return _Reader(os.environ if environ is None else environ).read()


def sqlalchemy_url(database_url: str) -> str:
    """A database address with the driver SQLAlchemy is to use."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", database_url)


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []

    def read(self) -> Settings:
        environment = self.choice("ENVIRONMENT", ENVIRONMENTS, default="production")
        settings = Settings(
            environment=environment,
            public_url=self.url("PUBLIC_URL", ("http", "https")).rstrip("/"),
            secret_key=self.secret("SECRET_KEY", 32),
            database_url=self.url("DATABASE_URL", ("postgresql", "postgres")),
            redis_url=self.url("REDIS_URL", ("redis", "rediss")),
            admin_discord_ids=frozenset(self.listed("ADMIN_DISCORD_IDS", pattern=r"\d{15,22}")),
            license_pepper=self.secret("LICENSE_PEPPER", 32),
            license_encryption_keys=self.fernet_keys("LICENSE_ENCRYPTION_KEYS"),
            license_signing_keys=self.signing_keys("LICENSE_SIGNING_KEYS"),
            discord_client_id=self.text("DISCORD_CLIENT_ID"),
            discord_client_secret=self.text("DISCORD_CLIENT_SECRET"),
            discord_url=self.url("DISCORD_URL", ("http", "https"), default=DISCORD_URL).rstrip("/"),
            stripe_secret_key=self.text("STRIPE_SECRET_KEY", pattern=r"(sk|rk)_(test|live)_\w+"),
            stripe_webhook_secrets=self.listed("STRIPE_WEBHOOK_SECRETS", pattern=r"whsec_\S+"),
            stripe_api_url=self.url(
                "STRIPE_API_URL", ("http", "https"), default=STRIPE_API_URL
            ).rstrip("/"),
            tebex_webhook_secrets=self.optional_secrets("TEBEX_WEBHOOK_SECRETS"),
            smtp_url=self.url("SMTP_URL", ("smtp", "smtps")),
            mail_from=self.text("MAIL_FROM", pattern=r"[^@<>]*<?[^@\s<>]+@[^@\s<>]+>?"),
            s3_endpoint_url=self.url("S3_ENDPOINT_URL", ("http", "https"), default="") or None,
            s3_bucket=self.text("S3_BUCKET"),
            s3_region=self.environ.get("S3_REGION", "").strip() or "auto",
            s3_access_key_id=self.text("S3_ACCESS_KEY_ID"),
            s3_secret_access_key=self.text("S3_SECRET_ACCESS_KEY"),
            trusted_proxies=self.networks("TRUSTED_PROXIES"),
            cloudflare=self.networks("CLOUDFLARE_NETWORKS"),
            shop_name=self.environ.get("SHOP_NAME", "").strip() or "QR Studios",
            discord_invite_url=self.url("DISCORD_INVITE_URL", ("https",), default=""),
            discord_bot_token=self.optional("DISCORD_BOT_TOKEN", pattern=r"[\w.-]{20,200}"),
            discord_guild_id=self.optional("DISCORD_GUILD_ID", pattern=r"\d{15,22}"),
        )
        if bool(settings.discord_bot_token) != bool(settings.discord_guild_id):
            self.faults.append("DISCORD_BOT_TOKEN and DISCORD_GUILD_ID go together")
        if environment == "production":
            self.refuse_the_sandbox(settings)
        if self.faults:
            raise SettingsError(self.faults)
        return settings

    def text(self, name: str, *, pattern: str | None = None) -> str:
        value = self.environ.get(name, "").strip()
        if not value:
            self.faults.append(f"{name} is missing")
        elif pattern and not re.fullmatch(pattern, value):
            self.faults.append(f"{name} is malformed")
        return value

    def optional(self, name: str, *, pattern: str) -> str:
        value = self.environ.get(name, "").strip()
        if value and not re.fullmatch(pattern, value):
            self.faults.append(f"{name} is malformed")
        return value

    def secret(self, name: str, least: int) -> str:
        value = self.text(name)
        if value and len(value) < least:
            self.faults.append(f"{name} is too short: at least {least} characters")
        return value

    def choice(self, name: str, options: tuple[str, ...], *, default: str) -> str:
        value = self.environ.get(name, "").strip() or default
        if value not in options:
            self.faults.append(f"{name} must be one of {', '.join(options)}")
        return value

    def listed(self, name: str, *, pattern: str) -> tuple[str, ...]:
        parts = [part.strip() for part in self.text(name).split(",") if part.strip()]
        if any(not re.fullmatch(pattern, part) for part in parts):
            self.faults.append(f"{name} is malformed: a comma-separated list is expected")
        return tuple(parts)

    def optional_secrets(self, name: str) -> tuple[str, ...]:
        if not self.environ.get(name, "").strip():
            return ()
        parts = self.listed(name, pattern=r"[!-+\--~]+")
        if any(len(part) < 16 for part in parts):
            self.faults.append(f"{name} is too short: at least 16 characters each")
        return parts

    def url(self, name: str, schemes: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.environ.get(name, "").strip()
        if not value:
            if default is None:
                self.faults.append(f"{name} is missing")
            return default or ""
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good:
            self.faults.append(f"{name} is malformed: {' or '.join(schemes)}://host is expected")
        return value

    def fernet_keys(self, name: str) -> tuple[str, ...]:
        keys = self.listed(name, pattern=r"\S+")
        for key in keys:
            try:
                Fernet(key)
            except ValueError:
                self.faults.append(f"{name} is malformed: Fernet keys are expected")
                break
        return keys

    def signing_keys(self, name: str) -> tuple[str, ...]:
        keys = self.listed(name, pattern=r"[A-Za-z0-9+/=]+")
        for key in keys:
            try:
                read_signing_key(key)
            except ValueError:
                self.faults.append(
                    f"{name} is malformed: RSA-2048 keys are expected, as make-signing-key prints"
                )
                break
        return keys

    def networks(self, name: str) -> tuple[str, ...]:
        parts = [p.strip() for p in self.environ.get(name, "").split(",") if p.strip()]
        for part in parts:
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError:
                self.faults.append(f"{name} is malformed: addresses or CIDR blocks are expected")
                break
        return tuple(parts)

    def refuse_the_sandbox(self, settings: Settings) -> None:
        """Production speaks to the real providers only, so a stand-in left in the environment is
        a fault and not a silently fake payment."""
        if settings.stripe_api_url != STRIPE_API_URL:
            self.faults.append("STRIPE_API_URL must not be set in production")
        if settings.discord_url != DISCORD_URL:
            self.faults.append("DISCORD_URL must not be set in production")
        if "_test_" in settings.stripe_secret_key:
            # Anybody would buy with Stripe's published test cards.
            self.faults.append("STRIPE_SECRET_KEY must be a live key in production")
        if not settings.is_secure:
            self.faults.append("PUBLIC_URL must be https:// in production")
        for name, value in (
            ("PUBLIC_URL", settings.public_url),
            ("S3_ENDPOINT_URL", settings.s3_endpoint_url or ""),
            ("SMTP_URL", settings.smtp_url),
        ):
            if value and _is_loopback(value):
                self.faults.append(f"{name} must not point at this machine in production")
        if settings.s3_endpoint_url and not settings.s3_endpoint_url.startswith("https://"):
            self.faults.append("S3_ENDPOINT_URL must be https:// in production")


def _is_loopback(url: str) -> bool:
    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    if host in LOOPBACK_NAMES or host.endswith(".localhost"):
        return True
    address = _parse_address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # The resolver takes spellings that ipaddress does not: 127.1, 0x7f000001, 2130706433.
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return getattr(address, "ipv4_mapped", None) or address
