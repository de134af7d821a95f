"""fill the shelves"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from storefront.catalog.versions import version_key

revision = "a1b2c3d4e5f6"
down_revision = "f8eb75aa194c"
branch_labels = None
depends_on = None


# The tier a card shows, kept beside the product: in the seller's order the first that can be had.
# A row is written only where something changed, so that buying from a tier with enough units never
# locks its product.
OFFERS = """
CREATE FUNCTION refresh_offer(target uuid) RETURNS void LANGUAGE sql AS $$
    WITH tiers AS (
        SELECT id, price_satang, original_price_satang, position,
            stock <> -1 AND sold + held >= stock AS sold_out,
            count(*) OVER () AS tier_count,
            price_satang = min(price_satang) OVER () AS lowest
        FROM variants WHERE product_id = target
    ), offer AS (
        SELECT chosen.* FROM (VALUES (1)) AS always
        LEFT JOIN LATERAL (
            SELECT * FROM tiers ORDER BY sold_out, position, price_satang, id LIMIT 1
        ) AS chosen ON true
    )
    UPDATE products SET
        offer_variant_id = offer.id,
        offer_price_satang = offer.price_satang,
        offer_original_satang = offer.original_price_satang,
        offer_is_sold_out = coalesce(offer.sold_out, false),
        offer_is_lowest = coalesce(offer.lowest, true),
        tier_count = coalesce(offer.tier_count, 0)
    FROM offer
    WHERE products.id = target AND (
        products.offer_variant_id, products.offer_price_satang, products.offer_original_satang,
        products.offer_is_sold_out, products.offer_is_lowest, products.tier_count
    ) IS DISTINCT FROM (
        offer.id, offer.price_satang, offer.original_price_satang,
        coalesce(offer.sold_out, false), coalesce(offer.lowest, true),
        coalesce(offer.tier_count, 0)
    )
$$;

CREATE FUNCTION follow_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (
        OLD.product_id, OLD.price_satang, OLD.original_price_satang, OLD.position,
        OLD.stock <> -1 AND OLD.sold + OLD.held >= OLD.stock
    ) IS NOT DISTINCT FROM (
        NEW.product_id, NEW.price_satang, NEW.original_price_satang, NEW.position,
        NEW.stock <> -1 AND NEW.sold + NEW.held >= NEW.stock
    ) THEN
        RETURN NULL;
    END IF;
    PERFORM refresh_offer(coalesce(NEW.product_id, OLD.product_id));
    RETURN NULL;
END $$;

CREATE TRIGGER variants_offer AFTER INSERT OR UPDATE OR DELETE ON variants
    FOR EACH ROW EXECUTE FUNCTION follow_offer();
"""

# Every price a variant ever had, and what may be struck out because of it.
PRICES = """
CREATE FUNCTION note_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.price_satang = NEW.price_satang THEN
        RETURN NULL;
    END IF;
    INSERT INTO price_changes (variant_id, began_at, price_satang)
    VALUES (NEW.id, now(), NEW.price_satang)
    ON CONFLICT (variant_id, began_at) DO UPDATE SET price_satang = excluded.price_satang;
    RETURN NULL;
END $$;

CREATE TRIGGER variants_price AFTER INSERT OR UPDATE ON variants
    FOR EACH ROW EXECUTE FUNCTION note_price();

CREATE FUNCTION lowest_price(variant uuid, until timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT min(price_satang) FROM (
        SELECT price_satang FROM price_changes
        WHERE variant_id = variant AND began_at >= until - interval '30 days' AND began_at < until
        UNION ALL (
            SELECT price_satang FROM price_changes
            WHERE variant_id = variant AND began_at < until - interval '30 days'
            ORDER BY began_at DESC LIMIT 1
        )
        UNION ALL
        SELECT price_satang FROM flash_sale_items
        WHERE variant_id = variant
            AND starts_at < until AND ends_at > until - interval '30 days'
    ) AS charged
$$;

CREATE FUNCTION check_original_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.original_price_satang IS NOT NULL
        AND (NEW.original_price_satang, NEW.price_satang)
            IS DISTINCT FROM (OLD.original_price_satang, OLD.price_satang)
        AND NEW.original_price_satang > lowest_price(NEW.id, now())
    THEN
        RAISE EXCEPTION 'original price % is above the lowest of the last 30 days',
            NEW.original_price_satang
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_variants_honest_original';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER variants_original BEFORE UPDATE ON variants
    FOR EACH ROW EXECUTE FUNCTION check_original_price();
"""

# Rules over several rows. Each takes a lock first, so that two changes at once cannot both pass.
SHAPES = """
CREATE FUNCTION refuse_circular_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.parent_id IS NULL THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('categories'));
    IF EXISTS (
        WITH RECURSIVE above AS (
            SELECT id, parent_id FROM categories WHERE id = NEW.parent_id
            UNION SELECT c.id, c.parent_id FROM categories c JOIN above ON c.id = above.parent_id
        ) SELECT FROM above WHERE id = NEW.id
    ) THEN
        RAISE EXCEPTION 'category % would stand inside itself', NEW.slug
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_categories_no_circle';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER categories_no_circle BEFORE INSERT OR UPDATE OF parent_id ON categories
    FOR EACH ROW EXECUTE FUNCTION refuse_circular_category();

CREATE FUNCTION refuse_nested_bundle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Not the products' rows: buyers lock those too, several at once.
    PERFORM pg_advisory_xact_lock(hashtext('bundle_items'));
    IF EXISTS (
        SELECT FROM bundle_items
        WHERE bundle_id = NEW.product_id OR product_id = NEW.bundle_id
    ) THEN
        RAISE EXCEPTION 'a bundle holds plain products only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bundle_items_flat';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER bundle_items_flat BEFORE INSERT OR UPDATE ON bundle_items
    FOR EACH ROW EXECUTE FUNCTION refuse_nested_bundle();

CREATE FUNCTION refuse_overlapping_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A window that only shrinks overlaps nothing new. Ending a sale must not wait for a buyer who
    -- holds the variant and waits for this row.
    IF TG_OP = 'UPDATE' AND NEW.variant_id = OLD.variant_id
        AND NEW.starts_at >= OLD.starts_at AND NEW.ends_at <= OLD.ends_at
    THEN
        RETURN NEW;
    END IF;
    PERFORM FROM variants WHERE id = NEW.variant_id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM flash_sale_items other
        WHERE other.variant_id = NEW.variant_id AND other.id <> NEW.id
            AND other.starts_at < NEW.ends_at AND other.ends_at > NEW.starts_at
    ) THEN
        RAISE EXCEPTION 'variant % is in another flash sale at that time', NEW.variant_id
            USING ERRCODE = 'exclusion_violation',
                CONSTRAINT = 'ex_flash_sale_items_overlap';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER flash_sale_items_overlap
    BEFORE INSERT OR UPDATE OF variant_id, starts_at, ends_at ON flash_sale_items
    FOR EACH ROW EXECUTE FUNCTION refuse_overlapping_sale();
"""

FUNCTIONS = (
    "follow_offer()",
    "refresh_offer(uuid)",
    "note_price()",
    "check_original_price()",
    "lowest_price(uuid, timestamptz)",
    "refuse_circular_category()",
    "refuse_nested_bundle()",
    "refuse_overlapping_sale()",
)


def upgrade() -> None:
    op.create_unique_constraint(op.f("uq_variants_id_product_id"), "variants", ["id", "product_id"])
    op.create_table(
        "flash_sales",
        sa.Column("name_th", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_flash_sales_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flash_sales")),
        sa.UniqueConstraint(
            "id", "starts_at", "ends_at", name=op.f("uq_flash_sales_id_starts_at_ends_at")
        ),
    )
    op.create_index("ix_flash_sales_window", "flash_sales", ["starts_at", "ends_at"], unique=False)
    op.create_table(
        "catalog_imports",
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("octet_length(body) <= 5242880", name=op.f("ck_catalog_imports_size")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_catalog_imports_created_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_imports")),
    )
    op.create_table(
        "product_images",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=True),
        sa.Column("original_key", sa.String(length=120), nullable=False),
        sa.Column("stem", sa.String(length=120), nullable=True),
        sa.Column("width", sa.BigInteger(), nullable=True),
        sa.Column("height", sa.BigInteger(), nullable=True),
        sa.Column("alt_th", sa.String(length=200), nullable=False),
        sa.Column("alt_en", sa.String(length=200), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(state = 'ready') = (stem IS NOT NULL AND width IS NOT NULL AND height IS NOT NULL)",
            name=op.f("ck_product_images_ready_has_sizes"),
        ),
        sa.CheckConstraint(
            "state IN ('processing', 'ready', 'failed')", name=op.f("ck_product_images_state")
        ),
        sa.CheckConstraint("position >= 0", name=op.f("ck_product_images_position")),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name=op.f("fk_product_images_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_images")),
    )
    op.create_index(
        "ix_product_images_product_id", "product_images", ["product_id", "position"], unique=False
    )
    op.create_table(
        "flash_sale_items",
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_satang", sa.BigInteger(), nullable=False),
        sa.Column("reference_satang", sa.BigInteger(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=True),
        sa.Column("sold", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("price_satang >= 0", name=op.f("ck_flash_sale_items_price")),
        sa.CheckConstraint("sold >= 0 AND held >= 0", name=op.f("ck_flash_sale_items_counters")),
        sa.CheckConstraint(
            "units IS NULL OR sold + held <= units", name=op.f("ck_flash_sale_items_not_oversold")
        ),
        sa.CheckConstraint("units IS NULL OR units > 0", name=op.f("ck_flash_sale_items_units")),
        sa.ForeignKeyConstraint(
            ["sale_id", "starts_at", "ends_at"],
            ["flash_sales.id", "flash_sales.starts_at", "flash_sales.ends_at"],
            name=op.f("fk_flash_sale_items_sale_id_starts_at_ends_at"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["variant_id", "product_id"],
            ["variants.id", "variants.product_id"],
            name=op.f("fk_flash_sale_items_variant_id_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flash_sale_items")),
        sa.UniqueConstraint(
            "sale_id", "variant_id", name=op.f("uq_flash_sale_items_sale_id_variant_id")
        ),
    )
    op.create_index(
        "ix_flash_sale_items_product_id",
        "flash_sale_items",
        ["product_id", "ends_at"],
        unique=False,
    )
    op.create_index(
        "ix_flash_sale_items_variant_id",
        "flash_sale_items",
        ["variant_id", "ends_at"],
        unique=False,
    )
    op.create_table(
        "price_changes",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column(
            "began_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("price_satang", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("price_satang >= 0", name=op.f("ck_price_changes_price")),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["variants.id"],
            name=op.f("fk_price_changes_variant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("variant_id", "began_at", name=op.f("pk_price_changes")),
    )
    op.create_table(
        "stock_alerts",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name=op.f("fk_stock_alerts_product_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_stock_alerts_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["variants.id"],
            name=op.f("fk_stock_alerts_variant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_alerts")),
        sa.UniqueConstraint(
            "product_id",
            "variant_id",
            "user_id",
            name=op.f("uq_stock_alerts_product_id_variant_id_user_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_stock_alerts_user_id", "stock_alerts", ["user_id"], unique=False)
    op.create_index("ix_categories_parent_id", "categories", ["parent_id"], unique=False)
    op.add_column("order_items", sa.Column("list_price_satang", sa.BigInteger(), nullable=True))
    op.add_column(
        "order_items", sa.Column("product_ids", postgresql.ARRAY(sa.Uuid()), nullable=True)
    )
    op.add_column("products", sa.Column("video_url", sa.String(length=300), nullable=True))
    op.add_column(
        "products", sa.Column("rating_count", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "products", sa.Column("rating_sum", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "products",
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.add_column(
        "products", sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False)
    )
    op.add_column("products", sa.Column("offer_variant_id", sa.Uuid(), nullable=True))
    op.add_column("products", sa.Column("offer_price_satang", sa.BigInteger(), nullable=True))
    op.add_column("products", sa.Column("offer_original_satang", sa.BigInteger(), nullable=True))
    op.add_column(
        "products",
        sa.Column("offer_is_sold_out", sa.Boolean(), server_default="false", nullable=False),
    )
    op.add_column(
        "products",
        sa.Column("offer_is_lowest", sa.Boolean(), server_default="true", nullable=False),
    )
    op.add_column(
        "products", sa.Column("tier_count", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_index(
        "ix_products_popular",
        "products",
        ["sold_count", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('published', 'coming_soon')"),
    )
    op.create_index(
        "ix_products_price",
        "products",
        ["offer_price_satang", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('published', 'coming_soon')"),
    )
    op.add_column("releases", sa.Column("version_key", sa.Text(collation="C"), nullable=True))
    op.add_column(
        "releases",
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.add_column("stock_holds", sa.Column("flash_sale_item_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_stock_holds_flash_sale_item_id"),
        "stock_holds",
        "flash_sale_items",
        ["flash_sale_item_id"],
        ["id"],
    )
    op.drop_index("ix_products_newest", table_name="products")
    op.create_index(
        "ix_products_newest",
        "products",
        ["published_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('published', 'coming_soon')"),
    )
    op.create_check_constraint(
        op.f("ck_categories_slug"), "categories", "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'"
    )
    op.create_check_constraint(
        op.f("ck_categories_not_its_own_parent"), "categories", "parent_id <> id"
    )
    op.create_check_constraint(
        op.f("ck_products_rating_counters"),
        "products",
        "rating_sum BETWEEN rating_count AND 5 * rating_count",
    )
    op.execute(OFFERS)
    op.execute(PRICES)
    op.execute(SHAPES)
    _fill()
    op.alter_column("releases", "version_key", nullable=False)
    op.alter_column("order_items", "product_ids", nullable=False)
    op.alter_column("order_items", "list_price_satang", nullable=False)
    op.drop_constraint(op.f("ck_order_items_unit_price"), "order_items")
    op.create_check_constraint(
        op.f("ck_order_items_unit_price"),
        "order_items",
        "unit_price_satang BETWEEN 0 AND list_price_satang",
    )
    op.create_check_constraint(op.f("ck_releases_version_key"), "releases", "version_key <> ''")
    op.create_check_constraint(
        op.f("ck_order_items_product_ids"), "order_items", "cardinality(product_ids) > 0"
    )


def _fill() -> None:
    """What the new columns and tables say about rows that are there already."""
    op.execute("SELECT refresh_offer(id) FROM products")
    op.execute(
        "INSERT INTO price_changes (variant_id, began_at, price_satang)"
        " SELECT v.id, p.created_at, v.price_satang FROM variants v"
        " JOIN products p ON p.id = v.product_id"
    )
    op.execute(
        "UPDATE order_items SET list_price_satang = unit_price_satang, product_ids = coalesce("
        "(SELECT array_agg(b.product_id ORDER BY b.position) FROM bundle_items b"
        " WHERE b.bundle_id = order_items.product_id), ARRAY[order_items.product_id])"
    )
    connection = op.get_bind()
    for release_id, version in connection.execute(
        sa.text("SELECT id, version FROM releases")
    ).all():
        connection.execute(
            sa.text("UPDATE releases SET version_key = :key WHERE id = :id"),
            {"key": version_key(version), "id": release_id},
        )


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.drop_constraint(op.f("ck_order_items_unit_price"), "order_items")
    op.create_check_constraint(
        op.f("ck_order_items_unit_price"), "order_items", "unit_price_satang >= 0"
    )
    op.drop_column("order_items", "list_price_satang")
    op.drop_constraint(op.f("ck_categories_slug"), "categories")
    op.drop_constraint(op.f("ck_categories_not_its_own_parent"), "categories")
    op.drop_constraint(op.f("ck_products_rating_counters"), "products")
    op.drop_index("ix_products_newest", table_name="products")
    op.create_index(
        "ix_products_newest",
        "products",
        ["published_at", "id"],
        postgresql_where=sa.text("status <> 'draft'"),
    )
    op.drop_constraint(op.f("fk_stock_holds_flash_sale_item_id"), "stock_holds", type_="foreignkey")
    op.drop_column("stock_holds", "flash_sale_item_id")
    op.drop_column("releases", "created_at")
    op.drop_column("releases", "version_key")
    op.drop_index(
        "ix_products_price",
        table_name="products",
        postgresql_where=sa.text("status IN ('published', 'coming_soon')"),
    )
    op.drop_index(
        "ix_products_popular",
        table_name="products",
        postgresql_where=sa.text("status IN ('published', 'coming_soon')"),
    )
    op.drop_column("products", "tier_count")
    op.drop_column("products", "offer_is_lowest")
    op.drop_column("products", "offer_is_sold_out")
    op.drop_column("products", "offer_original_satang")
    op.drop_column("products", "offer_price_satang")
    op.drop_column("products", "offer_variant_id")
    op.drop_column("products", "revision")
    op.drop_column("products", "updated_at")
    op.drop_column("products", "rating_sum")
    op.drop_column("products", "rating_count")
    op.drop_column("products", "video_url")
    op.drop_column("order_items", "product_ids")
    op.drop_index("ix_categories_parent_id", table_name="categories")
    op.drop_index("ix_stock_alerts_user_id", table_name="stock_alerts")
    op.drop_table("stock_alerts")
    op.drop_table("price_changes")
    op.drop_index("ix_flash_sale_items_variant_id", table_name="flash_sale_items")
    op.drop_index("ix_flash_sale_items_product_id", table_name="flash_sale_items")
    op.drop_table("flash_sale_items")
    op.drop_index("ix_product_images_product_id", table_name="product_images")
    op.drop_table("product_images")
    op.drop_table("catalog_imports")
    op.drop_index("ix_flash_sales_window", table_name="flash_sales")
    op.drop_table("flash_sales")
    op.drop_constraint(op.f("uq_variants_id_product_id"), "variants", type_="unique")
