"""Where web, worker and command line all start: settings, engine, providers. Free of Flask."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from storefront.config import DISCORD_URL, Settings
from storefront.db import Database, connect
from storefront.kit.clock import Clock, system_clock
from storefront.kit.signing import SigningKeys
from storefront.licenses.keys import KeyVault
from storefront.outgoing.signing import SecretBox
from storefront.providers.courier import Courier, HttpCourier
from storefront.providers.discord import DiscordIdentity, IdentityProvider
from storefront.providers.discord_roles import DiscordRoles, RoleKeeper
from storefront.providers.files import FileStore, S3Files
from storefront.providers.mail import Mailer, SmtpMailer
from storefront.providers.payments import PaymentGateway
from storefront.providers.stripe_gateway import StripeGateway
from storefront.providers.targets import Target, sandbox_of
from storefront.queue import Bell, connect_redis


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Everything a face of the shop needs: handed down, never looked up."""

    settings: Settings
    database: Database
    redis: Redis
    clock: Clock
    gateway: PaymentGateway
    files: FileStore
    mailer: Mailer
    identity: IdentityProvider
    vault: KeyVault
    signing: SigningKeys
    courier: Courier
    secret_box: SecretBox
    roles: RoleKeeper | None


def boot(settings: Settings, *, clock: Clock = system_clock, pool_size: int = 8) -> Shop:
    """Wire the shop together; opens no connection yet."""
    redis = connect_redis(settings.redis_url)
    engine = connect(settings.sqlalchemy_url, pool_size=pool_size)
    return Shop(
        settings=settings,
        database=Database(engine, on_enqueued=Bell(redis).ring),
        redis=redis,
        clock=clock,
        gateway=StripeGateway(
            secret_key=settings.stripe_secret_key,
            webhook_secrets=settings.stripe_webhook_secrets,
            api_url=settings.stripe_api_url,
        ),
        files=S3Files(
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=settings.s3_secret_access_key,
            endpoint_url=settings.s3_endpoint_url,
        ),
        mailer=SmtpMailer(url=settings.smtp_url, sender=settings.mail_from),
        identity=DiscordIdentity(
            client_id=settings.discord_client_id,
            client_secret=settings.discord_client_secret,
            url=settings.discord_url,
        ),
        vault=KeyVault(
            pepper=settings.license_pepper, encryption_keys=settings.license_encryption_keys
        ),
        signing=SigningKeys(settings.license_signing_keys),
        courier=HttpCourier(sandbox=_sandbox(settings)),
        secret_box=SecretBox(settings.license_encryption_keys),
        roles=_roles(settings),
    )


def _sandbox(settings: Settings) -> Target | None:
    """Where webhooks may go that may go nowhere else on this machine: to the stand-in that plays
    Discord, which has a receiver, too. Production has none, whatever is set."""
    if settings.is_production or settings.discord_url == DISCORD_URL:
        return None
    return sandbox_of(settings.discord_url)


def _roles(settings: Settings) -> RoleKeeper | None:
    """Nobody, where the shop has no bot."""
    if not settings.discord_bot_token:
        return None
    return DiscordRoles(
        token=settings.discord_bot_token,
        guild_id=settings.discord_guild_id,
        url=settings.discord_url,
    )
