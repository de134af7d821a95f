"""take promo codes"""

from alembic import op
import sqlalchemy as sa

revision = "c3d4e5f60718"
down_revision = "b2c3d4e5f607"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "promo_codes",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("batch", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("min_subtotal_satang", sa.BigInteger(), nullable=False),
        sa.Column("max_discount_satang", sa.BigInteger(), nullable=True),
        sa.Column("total_limit", sa.BigInteger(), nullable=True),
        sa.Column("per_customer_limit", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("covers_all", sa.Boolean(), nullable=False),
        sa.Column("first_purchase_only", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{2,39}$'", name=op.f("ck_promo_codes_code")),
        sa.CheckConstraint("kind IN ('percent', 'fixed')", name=op.f("ck_promo_codes_kind")),
        sa.CheckConstraint(
            "value > 0 AND (kind <> 'percent' OR value <= 10000)", name=op.f("ck_promo_codes_value")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_promo_codes_window")),
        sa.CheckConstraint("max_discount_satang > 0", name=op.f("ck_promo_codes_max_discount")),
        sa.CheckConstraint("min_subtotal_satang >= 0", name=op.f("ck_promo_codes_min_subtotal")),
        sa.CheckConstraint(
            "per_customer_limit > 0", name=op.f("ck_promo_codes_per_customer_limit")
        ),
        sa.CheckConstraint("total_limit > 0", name=op.f("ck_promo_codes_total_limit")),
        sa.CheckConstraint(
            "total_limit IS NULL OR used <= total_limit", name=op.f("ck_promo_codes_not_overused")
        ),
        sa.CheckConstraint("used >= 0", name=op.f("ck_promo_codes_used")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promo_codes")),
        sa.UniqueConstraint("code", name=op.f("uq_promo_codes_code")),
    )
    op.create_index(
        "ix_promo_codes_batch",
        "promo_codes",
        ["batch"],
        unique=False,
        postgresql_where=sa.text("batch IS NOT NULL"),
    )
    op.create_table(
        "promo_uses",
        sa.Column("promo_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("customer_email", sa.String(length=254), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("discount_satang", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('reserved', 'taken', 'returned')", name=op.f("ck_promo_uses_state")
        ),
        sa.CheckConstraint("discount_satang > 0", name=op.f("ck_promo_uses_discount")),
        sa.ForeignKeyConstraint(
            ["promo_id"], ["promo_codes.id"], name=op.f("fk_promo_uses_promo_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_promo_uses_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promo_uses")),
        sa.UniqueConstraint("order_id", name=op.f("uq_promo_uses_order_id")),
    )
    op.create_index("ix_promo_uses_customer", "promo_uses", ["promo_id", "user_id"], unique=False)
    op.create_index(
        "ix_promo_uses_email", "promo_uses", ["promo_id", "customer_email"], unique=False
    )
    op.create_table(
        "promo_scopes",
        sa.Column("promo_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(product_id IS NULL) <> (category_id IS NULL)",
            name=op.f("ck_promo_scopes_one_subject"),
        ),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["categories.id"],
            name=op.f("fk_promo_scopes_category_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name=op.f("fk_promo_scopes_product_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["promo_id"],
            ["promo_codes.id"],
            name=op.f("fk_promo_scopes_promo_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promo_scopes")),
        sa.UniqueConstraint(
            "promo_id",
            "product_id",
            "category_id",
            name=op.f("uq_promo_scopes_promo_id_product_id_category_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.add_column("carts", sa.Column("promo_code", sa.String(length=40), nullable=True))
    op.add_column(
        "order_items",
        sa.Column("discount_satang", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column("orders", sa.Column("promo_code", sa.String(length=40), nullable=True))
    op.create_check_constraint(
        op.f("ck_order_items_discount"), "order_items", "discount_satang BETWEEN 0 AND total_satang"
    )


def downgrade() -> None:
    op.drop_column("orders", "promo_code")
    op.drop_column("order_items", "discount_satang")
    op.drop_column("carts", "promo_code")
    op.drop_table("promo_scopes")
    op.drop_index("ix_promo_uses_email", table_name="promo_uses")
    op.drop_index("ix_promo_uses_customer", table_name="promo_uses")
    op.drop_table("promo_uses")
    op.drop_index(
        "ix_promo_codes_batch",
        table_name="promo_codes",
        postgresql_where=sa.text("batch IS NOT NULL"),
    )
    op.drop_table("promo_codes")
