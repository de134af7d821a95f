"""purchases made at tebex, and how they are claimed"""

from alembic import op
import sqlalchemy as sa

revision = "c18d7f4ea209"
down_revision = "7c3e2a9f5db4"
branch_labels = None
depends_on = None

NOW = sa.text("now()")
WAITING = sa.text("state = 'waiting'")
PURCHASE_RULES = (
    ("state", "state IN ('waiting', 'claimed', 'ended')"),
    ("dispute", "dispute IN ('none', 'open', 'won', 'lost')"),
    ("dispute_at", "(dispute = 'none') = (dispute_at IS NULL)"),
    ("claimed_at", "(user_id IS NULL) = (claimed_at IS NULL)"),
    ("owner", "state = 'ended' OR (state = 'claimed') = (user_id IS NOT NULL)"),
    ("paid", "user_id IS NULL OR paid_at IS NOT NULL"),
    ("ended", "(state = 'ended') = (refunded_at IS NOT NULL OR dispute = 'lost')"),
    ("locale", "locale IN ('th', 'en')"),
)


def _time(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=NOW if default else None,
        nullable=nullable,
    )


def _text(name: str, length: int, *, nullable: bool = False, default: str | None = None):
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=nullable)


def _id(table: str) -> tuple[sa.Column, sa.PrimaryKeyConstraint]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _points(table: str, column: str, to: str, *, nullable: bool = False):
    return (
        sa.Column(column, sa.Uuid(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}")),
    )


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _create_packages()
    _create_purchases()
    _create_lines()
    _create_ways_to_claim()
    op.drop_constraint(op.f("ck_webhook_events_applied"), "webhook_events", type_="check")
    op.create_check_constraint(
        op.f("ck_webhook_events_applied"),
        "webhook_events",
        "state <> 'applied' OR payment_id IS NOT NULL OR source = 'tebex'",
    )
    op.create_index(
        "ix_webhook_events_tebex",
        "webhook_events",
        [sa.text("(payload #>> '{subject,transaction_id}')")],
        postgresql_where=sa.text("source = 'tebex'"),
    )


def _create_packages() -> None:
    table = "tebex_packages"
    op.create_table(
        table,
        _text("package_id", 40),
        *_points(table, "variant_id", "variants"),
        _time("created_at", default=True),
        *_id(table),
        _unique(table, "package_id"),
    )
    op.create_index("ix_tebex_packages_variant", table, ["variant_id"])


def _create_purchases() -> None:
    table = "tebex_purchases"
    op.create_table(
        table,
        _text("transaction_id", 100),
        _text("state", 10),
        _text("email", 254, nullable=True),
        _text("username", 100, default=""),
        _text("discord_id", 32, nullable=True),
        _text("locale", 2),
        _text("price", 40, default=""),
        _text("subscription", 100, nullable=True),
        _time("paid_at", nullable=True),
        _time("refunded_at", nullable=True),
        _text("dispute", 4),
        _time("dispute_at", nullable=True),
        *_points(table, "user_id", "users", nullable=True),
        _time("claimed_at", nullable=True),
        _time("created_at", default=True),
        *_id(table),
        _unique(table, "transaction_id"),
        *(_check(table, name, rule) for name, rule in PURCHASE_RULES),
    )
    op.create_index("ix_tebex_purchases_user", table, ["user_id"])
    op.create_index("ix_tebex_purchases_email", table, ["email"], postgresql_where=WAITING)
    op.create_index("ix_tebex_purchases_discord", table, ["discord_id"], postgresql_where=WAITING)
    op.create_index("ix_tebex_purchases_subscription", table, ["subscription"])


def _create_lines() -> None:
    table = "tebex_purchase_lines"
    op.create_table(
        table,
        *_points(table, "purchase_id", "tebex_purchases"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        _text("package_id", 40),
        _text("name", 200, default=""),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("first_unit", sa.BigInteger(), nullable=False),
        *_points(table, "variant_id", "variants", nullable=True),
        *_id(table),
        _unique(table, "purchase_id", "position"),
        _check(table, "quantity", "quantity BETWEEN 1 AND 1000"),
        _check(table, "first_unit", "first_unit >= 1"),
    )
    op.create_index("ix_tebex_purchase_lines_package", table, ["package_id"])


def _create_ways_to_claim() -> None:
    table = "tebex_claim_links"
    op.create_table(
        table,
        *_points(table, "purchase_id", "tebex_purchases"),
        _text("token_hash", 64),
        _text("email", 254),
        _time("created_at", default=True),
        _time("expires_at"),
        *_id(table),
        _unique(table, "token_hash"),
        _check(table, "lifetime", "expires_at > created_at"),
    )
    op.create_index("ix_tebex_claim_links_purchase", table, ["purchase_id"])
    op.create_index("ix_tebex_claim_links_expires", table, ["expires_at"])
    table = "tebex_claim_mails"
    op.create_table(
        table,
        _text("email", 254),
        _text("locale", 2),
        _time("asked_at"),
        *_id(table),
        _unique(table, "email"),
        _check(table, "locale", "locale IN ('th', 'en')"),
    )
    op.create_index("ix_tebex_claim_mails_asked", table, ["asked_at"])


def downgrade() -> None:
    op.drop_index("ix_webhook_events_tebex", "webhook_events")
    # Events of Tebex's have no place in the inbox as it was.
    op.execute("DELETE FROM webhook_events WHERE source = 'tebex'")
    op.drop_constraint(op.f("ck_webhook_events_applied"), "webhook_events", type_="check")
    op.create_check_constraint(
        op.f("ck_webhook_events_applied"),
        "webhook_events",
        "state <> 'applied' OR payment_id IS NOT NULL",
    )
    for table in (
        "tebex_claim_mails",
        "tebex_claim_links",
        "tebex_purchase_lines",
        "tebex_purchases",
        "tebex_packages",
    ):
        op.drop_table(table)
