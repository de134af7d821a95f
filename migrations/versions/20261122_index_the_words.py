"""index the words"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "b2c3d4e5f607"
down_revision = "a1b2c3d4e5f6"
branch_labels = None
depends_on = None


SHOWN = "status IN ('published', 'coming_soon')"
STANDING = (
    "(((status <> 'coming_soon')::integer * (1 + featured::integer))::bigint"
    " * 1000000000 + sold_count)"
)
RATING = "((rating_sum * 2 + 35) * 500 / (rating_count + 5))"

# What a filter counts, so that counting needs not read whole products.
COUNTED = (
    "category_id",
    "frameworks",
    "delivery",
    "status",
    "offer_price_satang",
    "offer_original_satang",
    "offer_is_sold_out",
    "rating_count",
)

# Their plan is made without the statement they stand in, and never reads all documents: the
# planner takes @@ for cheap, but for every document it fetches a long value from elsewhere.
FUNCTIONS = """
CREATE FUNCTION search_products(query tsquery) RETURNS TABLE (product_id uuid)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT documents.product_id FROM search_documents AS documents
    WHERE documents.words @@ query
$$;

CREATE FUNCTION search_best_sellers(query tsquery) RETURNS TABLE (product_id uuid)
LANGUAGE sql STABLE ROWS 300 SET enable_seqscan = off AS $$
    SELECT documents.product_id FROM search_documents AS documents
    WHERE documents.words @@ query AND documents.is_top
$$;
"""

# Long values apart and uncompressed: the rows that an index of words leads to stay small.
STORAGE = """
ALTER TABLE search_documents SET (toast_tuple_target = 128);
ALTER TABLE search_documents ALTER COLUMN words SET STORAGE EXTERNAL;
ALTER TABLE search_documents ALTER COLUMN head SET STORAGE EXTERNAL;
"""


def upgrade() -> None:
    op.create_index(
        "ix_products_counted",
        "products",
        ["id"],
        unique=False,
        postgresql_include=COUNTED,
        postgresql_where=sa.text(SHOWN),
    )
    op.create_index(
        "ix_products_standing",
        "products",
        [sa.text(STANDING), "id"],
        unique=False,
        postgresql_where=sa.text(SHOWN),
    )
    op.create_index(
        "ix_products_rating",
        "products",
        [sa.text(RATING), "id"],
        unique=False,
        postgresql_where=sa.text(SHOWN),
    )
    op.create_table(
        "search_words",
        sa.Column("word", sa.String(length=40, collation="C"), nullable=False),
        sa.Column("same_as", sa.String(length=40), nullable=True),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("origin IN ('staff', 'product')", name=op.f("ck_search_words_origin")),
        sa.CheckConstraint("word <> '' AND same_as <> word", name=op.f("ck_search_words_word")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_words")),
        sa.UniqueConstraint("word", name=op.f("uq_search_words_word")),
    )
    op.create_table(
        "search_terms",
        sa.Column("term", sa.String(length=40, collation="C"), nullable=False),
        sa.Column("bare", sa.String(length=40, collation="C"), nullable=False),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.Column("labels", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "documents >= 0 AND labels >= 0", name=op.f("ck_search_terms_documents")
        ),
        sa.PrimaryKeyConstraint("term", name=op.f("pk_search_terms")),
    )
    op.create_index("ix_search_terms_bare", "search_terms", ["bare"], unique=False)
    op.create_table(
        "search_documents",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("head", postgresql.TSVECTOR(), nullable=False),
        sa.Column("is_top", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "indexed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name=op.f("fk_search_documents_product_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_search_documents")),
    )
    op.create_index(
        "ix_search_documents_words",
        "search_documents",
        ["words"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_index(
        "ix_search_documents_top_words",
        "search_documents",
        ["words"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
        postgresql_where=sa.text("is_top"),
    )
    op.execute(STORAGE)
    op.execute(FUNCTIONS)


def downgrade() -> None:
    op.execute("DROP FUNCTION search_best_sellers; DROP FUNCTION search_products")
    op.drop_index("ix_products_counted", table_name="products")
    op.drop_index("ix_products_rating", table_name="products")
    op.drop_index("ix_products_standing", table_name="products")
    op.drop_table("search_documents")
    op.drop_table("search_terms")
    op.drop_table("search_words")
