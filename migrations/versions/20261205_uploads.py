"""uploads of releases: straight into the store, checked before they become drafts"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "af6b5d2c80e7"
down_revision = "5a1c0e7d3b92"
branch_labels = None
depends_on = None

ENDED = "state IN ('ready', 'refused', 'abandoned')"
CHECKS = (
    (
        "state",
        "state IN ('uploading', 'uploaded', 'checking', 'ready', 'refused', 'abandoned')",
    ),
    ("channel", "channel IN ('stable', 'beta')"),
    ("size", "size_bytes BETWEEN 1 AND 536870912"),
    ("sha256", "sha256 ~ '^[0-9a-f]{64}$'"),
    (
        "ready_has_release",
        "(state = 'ready') = (release_id IS NOT NULL) AND (state = 'ready') = (sha256 IS NOT NULL)",
    ),
    ("refusal", "(state = 'refused') = (refusal IS NOT NULL)"),
    ("ended", f"({ENDED}) = (ended_at IS NOT NULL)"),
    (
        "confirmed",
        "(confirmed_at IS NULL) = (confirmed_by IS NULL)"
        " AND (confirmed_at IS NULL OR state = 'ready')",
    ),
)


def _time(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=None if nullable else sa.text("now()"),
        nullable=nullable,
    )


def _refers(column: str, to: str, **how: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{to}.id"], name=op.f(f"fk_release_uploads_{column}"), **how
    )


def upgrade() -> None:
    op.create_table(
        "release_uploads",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("changelog_th", sa.String(), nullable=False),
        sa.Column("changelog_en", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("file_key", sa.String(length=200), nullable=False),
        sa.Column("parts_id", sa.String(length=1024), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column("findings_left_out", sa.BigInteger(), nullable=False),
        sa.Column("refusal", sa.String(length=40), nullable=True),
        sa.Column("release_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        _time("confirmed_at"),
        _time("created_at", nullable=False),
        _time("uploaded_at"),
        _time("ended_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_release_uploads_{name}"))
            for name, rule in CHECKS
        ),
        _refers("product_id", "products", ondelete="CASCADE"),
        _refers("release_id", "releases", ondelete="CASCADE"),
        _refers("created_by", "users"),
        _refers("confirmed_by", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_uploads")),
        sa.UniqueConstraint("file_key", name=op.f("uq_release_uploads_file_key")),
        sa.UniqueConstraint("release_id", name=op.f("uq_release_uploads_release_id")),
    )
    op.create_index("ix_release_uploads_product", "release_uploads", ["product_id", "id"])
    op.create_index(
        "ix_release_uploads_open",
        "release_uploads",
        ["created_at"],
        postgresql_where=sa.text(f"NOT ({ENDED})"),
    )


def downgrade() -> None:
    op.drop_table("release_uploads")
