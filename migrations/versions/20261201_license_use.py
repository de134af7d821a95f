"""how licences are used: slots, addresses, checks, events, flags"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "5a1c0e7d3b92"
down_revision = "18293a4b5c6d"
branch_labels = None
depends_on = None

CHECKS = (
    ("source", "source IN ('order', 'tebex')"),
    (
        "one_source",
        "(source = 'order') = (order_line_id IS NOT NULL)"
        " AND (source = 'order') = (source_reference IS NULL)",
    ),
    ("address_mode", "address_mode IN ('auto', 'list')"),
)
NOW = sa.text("now()")


def _time(name: str, *, nullable: bool = False, default: bool = True) -> sa.Column:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=NOW if default and not nullable else None,
        nullable=nullable,
    )


def _text(name: str, length: int) -> sa.Column:
    return sa.Column(name, sa.String(length=length), server_default="", nullable=False)


def _license(table: str, *, nullable: bool = False) -> tuple[sa.Column, sa.ForeignKeyConstraint]:
    return (
        sa.Column("license_id", sa.Uuid(), nullable=nullable),
        sa.ForeignKeyConstraint(
            ["license_id"], ["licenses.id"], name=op.f(f"fk_{table}_license_id")
        ),
    )


def _id(table: str) -> tuple[sa.Column, sa.PrimaryKeyConstraint]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    _widen_licenses()
    _create_slots()
    _create_addresses()
    _create_checks()
    _create_events()
    _create_flags()


def _widen_licenses() -> None:
    op.add_column("licenses", sa.Column("variant_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE licenses SET variant_id = (SELECT variant_id FROM order_items"
        " WHERE order_items.id = licenses.order_line_id)"
    )
    op.alter_column("licenses", "variant_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_licenses_variant_id"), "licenses", "variants", ["variant_id"], ["id"]
    )
    op.alter_column("licenses", "order_line_id", nullable=True)
    op.add_column(
        "licenses",
        sa.Column("source", sa.String(length=10), server_default="order", nullable=False),
    )
    op.add_column("licenses", sa.Column("source_reference", sa.String(length=120), nullable=True))
    op.add_column(
        "licenses",
        sa.Column("address_mode", sa.String(length=4), server_default="auto", nullable=False),
    )
    op.add_column("licenses", _text("note", 1000))
    op.add_column("licenses", _time("rotated_at", nullable=True))
    for name, rule in CHECKS:
        op.create_check_constraint(op.f(f"ck_licenses_{name}"), "licenses", rule)
    op.create_unique_constraint(
        op.f("uq_licenses_source_source_reference_product_id_unit"),
        "licenses",
        ["source", "source_reference", "product_id", "unit"],
    )


def _create_slots() -> None:
    op.create_table(
        "license_slots",
        *_license("license_slots"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("network", postgresql.CIDR(), nullable=False),
        sa.Column("server_id", sa.String(length=64), nullable=True),
        _text("resource", 64),
        _text("version", 40),
        _time("bound_at"),
        _time("last_seen_at"),
        sa.CheckConstraint("position >= 1", name=op.f("ck_license_slots_position")),
        sa.CheckConstraint(
            "last_seen_at >= bound_at", name=op.f("ck_license_slots_seen_since_bound")
        ),
        sa.PrimaryKeyConstraint("license_id", "position", name=op.f("pk_license_slots")),
        sa.UniqueConstraint(
            "license_id", "network", name=op.f("uq_license_slots_license_id_network")
        ),
    )
    op.create_index("ix_license_slots_network", "license_slots", ["network"])


def _create_addresses() -> None:
    op.create_table(
        "license_addresses",
        *_license("license_addresses"),
        sa.Column("network", postgresql.CIDR(), nullable=False),
        _text("note", 80),
        _time("created_at"),
        *_id("license_addresses"),
        sa.UniqueConstraint(
            "license_id", "network", name=op.f("uq_license_addresses_license_id_network")
        ),
    )


def _create_checks() -> None:
    op.create_table(
        "license_checks",
        *_license("license_checks", nullable=True),
        _text("key_hint", 4),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("address", postgresql.INET(), nullable=False),
        _text("product", 80),
        _text("resource", 64),
        _text("version", 40),
        sa.Column("server_id", sa.String(length=64), nullable=True),
        _text("event", 10),
        _time("created_at"),
        *_id("license_checks"),
    )
    op.create_index("ix_license_checks_license", "license_checks", ["license_id", "id"])
    op.create_index("ix_license_checks_address", "license_checks", ["address", "id"])


def _create_events() -> None:
    op.create_table(
        "license_events",
        *_license("license_events"),
        sa.Column("action", sa.String(length=30), nullable=False),
        sa.Column("actor", sa.String(length=60), nullable=False),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        _time("created_at"),
        *_id("license_events"),
    )
    op.create_index("ix_license_events_license", "license_events", ["license_id", "id"])


def _create_flags() -> None:
    op.create_table(
        "license_flags",
        *_license("license_flags"),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        _time("first_seen_at"),
        _time("last_seen_at"),
        _time("closed_at", nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        *_id("license_flags"),
        sa.CheckConstraint(
            "kind IN ('many_networks', 'more_live_than_slots', 'products_never_together')",
            name=op.f("ck_license_flags_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'dismissed', 'acted_on')", name=op.f("ck_license_flags_state")
        ),
        sa.ForeignKeyConstraint(
            ["closed_by"], ["users.id"], name=op.f("fk_license_flags_closed_by")
        ),
    )
    op.create_index(
        "uq_license_flags_open",
        "license_flags",
        ["license_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_license_flags_state", "license_flags", ["state", "id"])


def downgrade() -> None:
    for table in (
        "license_flags",
        "license_events",
        "license_checks",
        "license_addresses",
        "license_slots",
    ):
        op.drop_table(table)
    op.drop_constraint(
        op.f("uq_licenses_source_source_reference_product_id_unit"), "licenses", type_="unique"
    )
    for name, _rule in CHECKS:
        op.drop_constraint(op.f(f"ck_licenses_{name}"), "licenses", type_="check")
    # What did not come of an order has no place in the table as it was.
    op.execute(
        "DELETE FROM downloads USING licenses WHERE license_id = licenses.id AND order_line_id IS NULL"
    )
    op.execute("DELETE FROM licenses WHERE order_line_id IS NULL")
    op.alter_column("licenses", "order_line_id", nullable=False)
    for column in ("rotated_at", "note", "address_mode", "source_reference", "source"):
        op.drop_column("licenses", column)
    op.drop_constraint(op.f("fk_licenses_variant_id"), "licenses", type_="foreignkey")
    op.drop_column("licenses", "variant_id")
