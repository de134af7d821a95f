"""renewals of keys by later payments of a subscription at tebex"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "4d7b92e0c6a1"
down_revision = "c41f7a90d2e8"
branch_labels = None
depends_on = None

NOW = sa.text("now()")
TERMS = "license_terms"


def _time(name: str, *, default: bool = False) -> sa.Column:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=NOW if default else None,
        nullable=not default,
    )


def _text(name: str, length: int, *, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=False)


def _id(table: str) -> tuple[sa.Column, sa.PrimaryKeyConstraint]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _open_terms()
    _create_subscriptions()
    _create_renewals()
    op.create_index(
        "ix_webhook_events_tebex_reference",
        "webhook_events",
        [sa.text("(payload #>> '{subject,reference}')")],
        postgresql_where=sa.text("source = 'tebex'"),
    )


def _open_terms() -> None:
    op.add_column(TERMS, sa.Column("source_reference", sa.String(length=120), nullable=True))
    op.alter_column(TERMS, "order_line_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_license_terms_one_source"),
        TERMS,
        "(order_line_id IS NULL) <> (source_reference IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_license_terms_elsewhere"),
        TERMS,
        "source_reference IS NULL OR purpose = 'renew' AND state = 'applied'",
    )
    op.create_unique_constraint(
        op.f("uq_license_terms_license_id_source_reference"),
        TERMS,
        ["license_id", "source_reference"],
    )
    op.create_index(
        "ix_license_terms_reference",
        TERMS,
        ["source_reference"],
        postgresql_where=sa.text("source_reference IS NOT NULL"),
    )


def _create_subscriptions() -> None:
    table = "tebex_subscriptions"
    op.create_table(
        table,
        _text("reference", 100),
        _text("standing", 10),
        _time("said_at"),
        _time("next_payment_at"),
        _time("created_at", default=True),
        *_id(table),
        sa.UniqueConstraint("reference", name=op.f(f"uq_{table}_reference")),
        _check(table, "standing", "standing IN ('active', 'cancelling', 'ended')"),
        _check(
            table,
            "nothing_follows_the_end",
            "standing <> 'ended' OR next_payment_at IS NULL",
        ),
    )


def _create_renewals() -> None:
    table = "tebex_renewals"
    op.create_table(
        table,
        sa.Column("purchase_id", sa.Uuid(), nullable=False),
        _text("transaction_id", 100),
        sa.Column("packages", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        _text("price", 40, default=""),
        _time("paid_at"),
        _time("refunded_at"),
        _text("dispute", 4),
        _time("dispute_at"),
        _time("created_at", default=True),
        *_id(table),
        sa.ForeignKeyConstraint(
            ["purchase_id"], ["tebex_purchases.id"], name=op.f(f"fk_{table}_purchase_id")
        ),
        sa.UniqueConstraint("transaction_id", name=op.f(f"uq_{table}_transaction_id")),
        _check(table, "dispute", "dispute IN ('none', 'open', 'won', 'lost')"),
        _check(table, "dispute_at", "(dispute = 'none') = (dispute_at IS NULL)"),
    )
    op.create_index("ix_tebex_renewals_purchase", table, ["purchase_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_webhook_events_tebex_reference", "webhook_events")
    op.drop_table("tebex_renewals")
    op.drop_table("tebex_subscriptions")
    # The time itself stays with the licences; only where it came from is forgotten.
    op.execute("DELETE FROM license_terms WHERE order_line_id IS NULL")
    op.drop_index("ix_license_terms_reference", TERMS)
    op.drop_constraint(op.f("uq_license_terms_license_id_source_reference"), TERMS, type_="unique")
    op.drop_constraint(op.f("ck_license_terms_elsewhere"), TERMS, type_="check")
    op.drop_constraint(op.f("ck_license_terms_one_source"), TERMS, type_="check")
    op.alter_column(TERMS, "order_line_id", nullable=False)
    op.drop_column(TERMS, "source_reference")
