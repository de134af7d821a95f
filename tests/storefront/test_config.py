"""Settings: everything wrong is said at once, and production never reaches a stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from storefront.bootstrap import boot
from storefront.config import Settings, SettingsError
from storefront.errors import Invalid
from storefront.kit.signing import make_signing_key
from storefront.sandbox.serve import RunningSandbox

GOOD = {
    "ENVIRONMENT": "production",
    "PUBLIC_URL": "https://shop.example.com",
    "SECRET_KEY": "secret-of-cookies-" + "x" * 30,
    "DATABASE_URL": "postgresql://shop:pass-of-database@127.0.0.1:5432/shop",
    "REDIS_URL": "redis://:pass-of-redis@127.0.0.1:6379/0",
    "ADMIN_DISCORD_IDS": "100000000000000001, 100000000000000002",
    "LICENSE_PEPPER": "pepper-of-keys-" + "x" * 30,
    "LICENSE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "LICENSE_SIGNING_KEYS": make_signing_key(),
    "DISCORD_CLIENT_ID": "900000000000000001",
    "DISCORD_CLIENT_SECRET": "secret-of-discord",
    "STRIPE_SECRET_KEY": "sk_live_secretofstripe",
    "STRIPE_WEBHOOK_SECRETS": "whsec_one,whsec_two",
    "SMTP_URL": "smtp://shop:pass-of-mail@mail.example.com:587?starttls=required",
    "MAIL_FROM": "QR Studios <shop@example.com>",
    "S3_ENDPOINT_URL": "https://s3.example.com",
    "S3_BUCKET": "shop",
    "S3_ACCESS_KEY_ID": "key-of-s3",
    "S3_SECRET_ACCESS_KEY": "secret-of-s3",
}
OPTIONAL = {"ENVIRONMENT", "S3_ENDPOINT_URL"}
SECRETS = (
    *("secret-of-", "pass-of-", "pepper-of-", "secretofstripe", "whsec_", "key-of-s3"),
    GOOD["LICENSE_ENCRYPTION_KEYS"],
    GOOD["LICENSE_SIGNING_KEYS"],
)
# Every way to say "this machine" that the resolver understands.
LOOPBACK = (
    *("localhost", "LOCALHOST", "localhost.", "s3.localhost", "ip6-localhost", "127.0.0.1"),
    *("127.0.0.1.", "127.8.8.8", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0"),
    *("0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "host.docker.internal"),
)


def faults_of(**changed: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        Settings.from_env(GOOD | changed)
    return error.value.faults


def test_a_full_set_is_read() -> None:
    settings = Settings.from_env(GOOD)

    assert settings.is_production
    assert settings.is_secure
    assert settings.live_mode
    assert settings.admin_discord_ids == {"100000000000000001", "100000000000000002"}
    assert settings.stripe_webhook_secrets == ("whsec_one", "whsec_two")
    assert settings.stripe_api_url == "https://api.stripe.com"
    assert settings.discord_url == "https://discord.com"
    assert settings.sqlalchemy_url.startswith("postgresql+psycopg://shop:")
    assert settings.trusted_proxies == ()


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_env({})

    for name in GOOD.keys() - OPTIONAL:
        assert f"{name} is missing" in error.value.faults
        assert name in str(error.value)


def test_without_an_environment_it_is_production() -> None:
    assert Settings.from_env({k: v for k, v in GOOD.items() if k != "ENVIRONMENT"}).is_production


def test_the_example_file_names_every_setting(root: Path) -> None:
    example = (root / ".env.example").read_text()

    for field in fields(Settings):
        assert field.name.upper() in example


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("PUBLIC_URL", "shop.example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://shop.example.com:port"),
        ("PUBLIC_URL", "https://[::1"),
        ("SECRET_KEY", "short"),
        ("LICENSE_PEPPER", "short"),
        ("DATABASE_URL", "mysql://localhost/shop"),
        ("REDIS_URL", "localhost:6379"),
        ("ADMIN_DISCORD_IDS", "somebody"),
        ("ADMIN_DISCORD_IDS", "100000000000000001,not-an-id"),
        ("LICENSE_ENCRYPTION_KEYS", "not-a-fernet-key"),
        ("LICENSE_SIGNING_KEYS", "bm90LWEta2V5"),
        ("STRIPE_SECRET_KEY", "pk_live_public"),
        ("STRIPE_WEBHOOK_SECRETS", "one"),
        ("SMTP_URL", "http://mail.example.com"),
        ("MAIL_FROM", "nobody"),
        ("TRUSTED_PROXIES", "the-proxy"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("DISCORD_INVITE_URL", "javascript:alert(1)"),
    ],
)
def test_a_malformed_setting_is_named(name: str, value: str) -> None:
    faults = faults_of(**{name: value})

    assert {fault.split()[0] for fault in faults} == {name}


def test_the_fault_never_repeats_the_value() -> None:
    faults = faults_of(SECRET_KEY="short-secret", STRIPE_SECRET_KEY="pk_live_oops")

    assert len(faults) == 2
    assert not [fault for fault in faults if "short-secret" in fault or "oops" in fault]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_API_URL", "https://stripe.example.com"),
        ("STRIPE_API_URL", "https://api.stripe.com.example.com"),
        ("DISCORD_URL", "https://discord.example.com"),
        ("PUBLIC_URL", "http://shop.example.com"),
        ("S3_ENDPOINT_URL", "http://s3.example.com"),
        ("STRIPE_SECRET_KEY", "sk_test_4242"),
    ],
)
def test_production_refuses_stand_ins_and_plain_http(name: str, value: str) -> None:
    assert [fault for fault in faults_of(**{name: value}) if fault.startswith(name)]


@pytest.mark.parametrize("host", LOOPBACK)
def test_production_refuses_this_machine_in_every_spelling(host: str) -> None:
    faults = faults_of(
        S3_ENDPOINT_URL=f"https://{host}:9000",
        SMTP_URL=f"smtp://u:p@{host}:25",
        PUBLIC_URL=f"https://{host}",
    )

    assert [fault.split(" ")[0] for fault in faults] == [
        "PUBLIC_URL",
        "S3_ENDPOINT_URL",
        "SMTP_URL",
    ]


@pytest.mark.parametrize(
    "host", ["mail.example.com", "10.0.0.7", "localhost.example.com", "1.1.1.1"]
)
def test_production_accepts_other_machines(host: str) -> None:
    assert Settings.from_env(GOOD | {"SMTP_URL": f"smtps://u:p@{host}:465"}).is_production


def test_the_demo_may_use_this_machine() -> None:
    demo = GOOD | {
        "ENVIRONMENT": "demo",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "S3_ENDPOINT_URL": "http://127.0.0.1:9000",
        "STRIPE_API_URL": "http://127.0.0.1:9001/stripe/",
        "SMTP_URL": "smtp://u:p@localhost:2525",
    }

    settings = Settings.from_env(demo)

    assert not settings.is_secure
    assert settings.stripe_api_url == "http://127.0.0.1:9001/stripe"


def test_production_cannot_be_pointed_at_the_running_sandbox(sandbox: RunningSandbox) -> None:
    addresses = {
        "STRIPE_API_URL": sandbox.stripe_url,
        "DISCORD_URL": sandbox.discord_url,
        "SMTP_URL": sandbox.smtp_url,
        "S3_ENDPOINT_URL": sandbox.s3_url,
    }
    for name, url in addresses.items():
        assert [fault for fault in faults_of(**{name: url}) if fault.startswith(name)]


def test_settings_and_shop_show_no_secret_when_printed() -> None:
    settings = Settings.from_env(GOOD)
    shop = boot(settings)

    for text in (repr(settings), str(settings), f"{settings}", repr(shop)):
        for secret in SECRETS:
            assert secret not in text


@pytest.mark.parametrize("command", [["wsgi.py"], ["-m", "jobs.worker"], ["-m", "jobs.schedule"]])
def test_without_settings_nothing_starts_and_one_message_says_why(
    root: Path, command: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env=dict(bare_environment()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("The shop cannot start")
    assert "Traceback" not in ended.stderr
    for name in GOOD.keys() - OPTIONAL:
        assert f"- {name} is missing\n" in ended.stderr


def bare_environment() -> Iterator[tuple[str, str]]:
    for name in ("PATH", "PYTHONPATH", "SYSTEMROOT"):
        if name in os.environ:
            yield name, os.environ[name]


def test_the_bot_for_roles_is_optional_and_its_two_settings_go_together() -> None:
    token, guild = "MTAw.bot-token_of.discord", "300000000000000001"
    both = {"DISCORD_BOT_TOKEN": token, "DISCORD_GUILD_ID": guild}

    assert boot(Settings.from_env(GOOD)).roles is None
    assert boot(Settings.from_env(GOOD | both)).roles is not None
    assert token not in repr(Settings.from_env(GOOD | both))
    assert faults_of(DISCORD_BOT_TOKEN=token) == [
        "DISCORD_BOT_TOKEN and DISCORD_GUILD_ID go together"
    ]
    assert faults_of(**(both | {"DISCORD_GUILD_ID": "my-server"})) == [
        "DISCORD_GUILD_ID is malformed"
    ]


def test_in_production_no_webhook_goes_to_this_machine() -> None:
    with pytest.raises(Invalid):
        boot(Settings.from_env(GOOD)).courier.check("http://127.0.0.1:5010/receiver")
