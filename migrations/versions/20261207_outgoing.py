"""signed webhooks that go out, and Discord roles for buyers"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "b07c6e3d91f8"
down_revision = "af6b5d2c80e7"
branch_labels = None
depends_on = None

NOW = sa.text("now()")
OPEN = sa.text("state IN ('pending', 'failed')")


def _time(name: str, *, nullable: bool = True) -> sa.Column:
    default = None if nullable else NOW
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _count(name: str, default: str = "0") -> sa.Column:
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=False)


def _id(table: str) -> tuple[sa.Column, sa.PrimaryKeyConstraint]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _link(
    table: str, column: str, target: str, *, nullable: bool = False, ondelete: str | None = None
) -> tuple[sa.Column, sa.ForeignKeyConstraint]:
    return (
        sa.Column(column, sa.Uuid(), nullable=nullable),
        sa.ForeignKeyConstraint(
            [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete
        ),
    )


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _create_endpoints()
    _create_events()
    _create_deliveries()
    _create_attempts()
    _create_rules()
    _create_grants()
    _create_members()


def _create_endpoints() -> None:
    table = "outgoing_endpoints"
    op.create_table(
        table,
        *_id(table),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("description", sa.String(length=200), server_default="", nullable=False),
        sa.Column("events", postgresql.JSONB(), nullable=False),
        sa.Column("secret_sealed", sa.String(), nullable=False),
        _time("secret_shown_at"),
        sa.Column("old_secret_sealed", sa.String(), nullable=True),
        _time("old_secret_until"),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("off_reason", sa.String(length=10), nullable=True),
        _time("off_at"),
        _time("failing_since"),
        _count("failures"),
        _count("revision", "1"),
        *_link(table, "created_by", "users"),
        _time("created_at", nullable=False),
        _check(table, "off_reason", "off_reason IN ('staff', 'gone', 'failing')"),
        _check(
            table,
            "off_says_why",
            "enabled = (off_reason IS NULL) AND enabled = (off_at IS NULL)",
        ),
        _check(table, "old_secret", "(old_secret_sealed IS NULL) = (old_secret_until IS NULL)"),
        _check(table, "failing", "(failures = 0) = (failing_since IS NULL)"),
        _check(table, "failures", "failures >= 0"),
    )


def _create_events() -> None:
    table = "outgoing_events"
    op.create_table(
        table,
        *_id(table),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("dedupe_key", sa.String(length=120), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("is_fanned_out", sa.Boolean(), server_default=sa.false(), nullable=False),
        _time("occurred_at", nullable=False),
        sa.UniqueConstraint("dedupe_key", name=op.f(f"uq_{table}_dedupe_key")),
    )
    op.create_index(op.f("ix_outgoing_events_subject_id"), table, ["subject_id"])


def _create_deliveries() -> None:
    table = "outgoing_deliveries"
    op.create_table(
        table,
        *_id(table),
        *_link(table, "endpoint_id", "outgoing_endpoints"),
        *_link(table, "event_id", "outgoing_events", ondelete="CASCADE"),
        sa.Column("state", sa.String(length=10), server_default="pending", nullable=False),
        _count("attempts"),
        _count("replays"),
        _count("claim"),
        _time("claimed_until"),
        _time("due_at"),
        _time("created_at", nullable=False),
        _time("settled_at"),
        _check(table, "state", "state IN ('pending', 'failed', 'succeeded', 'given_up')"),
        _check(table, "open_is_due", "(state IN ('pending', 'failed')) = (due_at IS NOT NULL)"),
        _check(table, "counters", "attempts >= 0 AND claim >= attempts AND replays >= 0"),
        sa.UniqueConstraint(
            "endpoint_id", "event_id", name=op.f(f"uq_{table}_endpoint_id_event_id")
        ),
    )
    op.create_index("ix_outgoing_deliveries_due", table, ["due_at"], postgresql_where=OPEN)
    op.create_index("ix_outgoing_deliveries_endpoint", table, ["endpoint_id", "id"])
    op.create_index("ix_outgoing_deliveries_event", table, ["event_id"])


def _create_attempts() -> None:
    table = "outgoing_attempts"
    op.create_table(
        table,
        *_link(table, "delivery_id", "outgoing_deliveries", ondelete="CASCADE"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=30), server_default="", nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f(f"pk_{table}")),
    )


def _create_rules() -> None:
    table = "discord_role_rules"
    op.create_table(
        table,
        *_id(table),
        sa.Column("scope", sa.String(length=10), nullable=False),
        *_link(table, "category_id", "categories", nullable=True),
        *_link(table, "product_id", "products", nullable=True),
        sa.Column("role_id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=80), server_default="", nullable=False),
        _count("revision", "1"),
        _time("changed_at", nullable=False),
        _time("removed_at"),
        _check(table, "scope", "scope IN ('any', 'category', 'product')"),
        _check(
            table,
            "scope_says_of_what",
            "(scope = 'category') = (category_id IS NOT NULL)"
            " AND (scope = 'product') = (product_id IS NOT NULL)",
        ),
        _check(table, "role_id", "role_id ~ '^[0-9]{15,22}$'"),
    )
    op.create_index(
        "uq_discord_role_rules_open",
        table,
        ["role_id", "scope", "category_id", "product_id"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )


def _create_grants() -> None:
    table = "discord_role_grants"
    op.create_table(
        table,
        *_link(table, "user_id", "users"),
        sa.Column("role_id", sa.String(length=22), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        _time("changed_at", nullable=False),
        _check(table, "state", "state IN ('granting', 'granted', 'taking')"),
        _check(table, "role_id", "role_id ~ '^[0-9]{15,22}$'"),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f(f"pk_{table}")),
    )


def _create_members() -> None:
    table = "discord_members"
    op.create_table(
        table,
        *_link(table, "user_id", "users"),
        _count("claim"),
        _time("claimed_until"),
        _time("planned_at"),
        sa.Column("problem", sa.String(length=12), nullable=True),
        _check(table, "problem", "problem IN ('not_a_member', 'forbidden')"),
        sa.PrimaryKeyConstraint("user_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(
        "ix_discord_members_problem",
        table,
        ["problem"],
        postgresql_where=sa.text("problem IS NOT NULL"),
    )


def downgrade() -> None:
    for table in (
        "discord_members",
        "discord_role_grants",
        "discord_role_rules",
        "outgoing_attempts",
        "outgoing_deliveries",
        "outgoing_events",
        "outgoing_endpoints",
    ):
        op.drop_table(table)
