"""renewals and upgrades: lines about a licence, and what they changed of its terms"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "8d4f3b0a6ec5"
down_revision = "5a1c0e7d3b92"
branch_labels = None
depends_on = None

NEW_ID = sa.text("gen_random_uuid()")
NOW = sa.text("now()")
NO_LICENSE = sa.text("license_id IS NULL")


def upgrade() -> None:
    _widen_cart_lines()
    _widen_order_items()
    _free_stock_holds()
    _create_terms()


def _add_id(table: str) -> None:
    """A key of its own for a table that had its two columns as key."""
    op.add_column(table, sa.Column("id", sa.Uuid(), server_default=NEW_ID, nullable=False))
    # The rows that are there need one; new ones bring theirs.
    op.alter_column(table, "id", server_default=None)
    op.drop_constraint(op.f(f"pk_{table}"), table, type_="primary")
    op.create_primary_key(op.f(f"pk_{table}"), table, ["id"])


def _add_purpose(table: str) -> None:
    op.add_column(
        table, sa.Column("purpose", sa.String(length=7), server_default="new", nullable=False)
    )
    op.add_column(table, sa.Column("license_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f(f"ck_{table}_purpose"), table, "purpose IN ('new', 'renew', 'upgrade')"
    )
    op.create_check_constraint(
        op.f(f"ck_{table}_one_key"), table, "purpose = 'new' OR quantity = 1"
    )


def _widen_cart_lines() -> None:
    _add_id("cart_lines")
    _add_purpose("cart_lines")
    op.create_check_constraint(
        op.f("ck_cart_lines_license"), "cart_lines", "(purpose = 'new') = (license_id IS NULL)"
    )
    op.create_foreign_key(
        op.f("fk_cart_lines_license_id"), "cart_lines", "licenses", ["license_id"], ["id"]
    )
    op.create_unique_constraint(
        op.f("uq_cart_lines_cart_id_license_id"), "cart_lines", ["cart_id", "license_id"]
    )
    op.create_index(
        "uq_cart_lines_new",
        "cart_lines",
        ["cart_id", "variant_id"],
        unique=True,
        postgresql_where=NO_LICENSE,
    )


def _widen_order_items() -> None:
    _add_purpose("order_items")
    op.add_column("order_items", sa.Column("key_hint", sa.String(length=4), nullable=True))
    op.add_column("order_items", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_order_items_license"),
        "order_items",
        "(purpose = 'new') = (license_id IS NULL) AND (purpose = 'new') = (key_hint IS NULL)",
    )
    op.create_foreign_key(
        op.f("fk_order_items_license_id"),
        "order_items",
        "licenses",
        ["license_id"],
        ["id"],
        deferrable=True,
        initially="DEFERRED",
    )
    op.drop_constraint(op.f("uq_order_items_order_id_variant_id"), "order_items", type_="unique")
    op.create_unique_constraint(
        op.f("uq_order_items_order_id_license_id"), "order_items", ["order_id", "license_id"]
    )
    op.create_index(
        "uq_order_items_new",
        "order_items",
        ["order_id", "variant_id"],
        unique=True,
        postgresql_where=NO_LICENSE,
    )
    op.create_index(
        "ix_order_items_license",
        "order_items",
        ["license_id"],
        postgresql_where=sa.text("license_id IS NOT NULL"),
    )


def _free_stock_holds() -> None:
    _add_id("stock_holds")
    op.create_index("ix_stock_holds_order", "stock_holds", ["order_id"])


def _time(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _points_at(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{table}.id"], name=op.f(f"fk_license_terms_{column}")
    )


def _create_terms() -> None:
    op.create_table(
        "license_terms",
        sa.Column("license_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=7), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("slots", sa.BigInteger(), nullable=False),
        sa.Column("duration_days", sa.BigInteger(), nullable=True),
        sa.Column("before_variant_id", sa.Uuid(), nullable=True),
        sa.Column("before_slots", sa.BigInteger(), nullable=True),
        _time("before_end"),
        _time("expected_end"),
        _time("starts_at"),
        _time("applied_at"),
        sa.Column(
            "withdrawn_for",
            postgresql.ARRAY(sa.String(length=60)),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('renew', 'upgrade')", name=op.f("ck_license_terms_purpose")
        ),
        sa.CheckConstraint(
            "state IN ('held', 'applied', 'released')", name=op.f("ck_license_terms_state")
        ),
        sa.CheckConstraint(
            "purpose = 'upgrade' OR duration_days IS NOT NULL",
            name=op.f("ck_license_terms_renewal_has_end"),
        ),
        sa.CheckConstraint(
            "(state = 'applied') = (applied_at IS NOT NULL)"
            " AND (applied_at IS NULL) = (before_variant_id IS NULL)"
            " AND (applied_at IS NULL) = (before_slots IS NULL)"
            " AND (applied_at IS NULL) = (starts_at IS NULL)",
            name=op.f("ck_license_terms_applied"),
        ),
        sa.CheckConstraint(
            "state = 'applied' OR withdrawn_for = '{}'", name=op.f("ck_license_terms_withdrawn")
        ),
        _points_at("license_id", "licenses"),
        _points_at("order_line_id", "order_items"),
        _points_at("variant_id", "variants"),
        _points_at("before_variant_id", "variants"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_terms")),
        sa.UniqueConstraint("order_line_id", name=op.f("uq_license_terms_order_line_id")),
    )
    op.create_index(
        "uq_license_terms_held",
        "license_terms",
        ["license_id"],
        unique=True,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index("ix_license_terms_license", "license_terms", ["license_id", "applied_at", "id"])


def downgrade() -> None:
    op.drop_table("license_terms")
    op.drop_index("ix_stock_holds_order", table_name="stock_holds")
    # One hold per order and tier again: what else was set aside for it is added to one of them.
    op.execute(
        "UPDATE stock_holds h SET quantity = (SELECT sum(quantity) FROM stock_holds o"
        " WHERE o.order_id = h.order_id AND o.variant_id = h.variant_id)"
    )
    op.execute(
        "DELETE FROM stock_holds h USING stock_holds o WHERE o.order_id = h.order_id"
        " AND o.variant_id = h.variant_id AND o.id < h.id"
    )
    op.drop_constraint(op.f("pk_stock_holds"), "stock_holds", type_="primary")
    op.create_primary_key(op.f("pk_stock_holds"), "stock_holds", ["order_id", "variant_id"])
    op.drop_column("stock_holds", "id")
    _narrow_order_items()
    _narrow_cart_lines()


def _narrow_order_items() -> None:
    op.drop_index("ix_order_items_license", table_name="order_items")
    op.drop_index("uq_order_items_new", table_name="order_items")
    op.drop_constraint(op.f("uq_order_items_order_id_license_id"), "order_items", type_="unique")
    op.create_unique_constraint(
        op.f("uq_order_items_order_id_variant_id"), "order_items", ["order_id", "variant_id"]
    )
    op.drop_constraint(op.f("fk_order_items_license_id"), "order_items", type_="foreignkey")
    for rule in ("license", "one_key", "purpose"):
        op.drop_constraint(op.f(f"ck_order_items_{rule}"), "order_items", type_="check")
    for column in ("ends_at", "key_hint", "license_id", "purpose"):
        op.drop_column("order_items", column)


def _narrow_cart_lines() -> None:
    op.execute("DELETE FROM cart_lines WHERE license_id IS NOT NULL")
    op.drop_index("uq_cart_lines_new", table_name="cart_lines")
    op.drop_constraint(op.f("uq_cart_lines_cart_id_license_id"), "cart_lines", type_="unique")
    op.drop_constraint(op.f("fk_cart_lines_license_id"), "cart_lines", type_="foreignkey")
    for rule in ("license", "one_key", "purpose"):
        op.drop_constraint(op.f(f"ck_cart_lines_{rule}"), "cart_lines", type_="check")
    op.drop_constraint(op.f("pk_cart_lines"), "cart_lines", type_="primary")
    op.create_primary_key(op.f("pk_cart_lines"), "cart_lines", ["cart_id", "variant_id"])
    for column in ("id", "license_id", "purpose"):
        op.drop_column("cart_lines", column)
