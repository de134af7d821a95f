"""marks of downloads, their copies, and searches in leaks"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "9e5a4c1b7fd6"
down_revision = "b07c6e3d91f8"
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def _id(table: str) -> tuple[sa.Column, sa.PrimaryKeyConstraint]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def _time(name: str, *, nullable: bool = True) -> sa.Column:
    default = None if nullable else NOW
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def upgrade() -> None:
    _create_marks()
    _mark_downloads()
    _create_searches()
    _create_findings()


def _create_marks() -> None:
    op.create_table(
        "download_marks",
        sa.Column("license_id", sa.Uuid(), nullable=False),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=True),
        sa.Column("file_key", sa.String(length=200), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("marked_files", sa.BigInteger(), nullable=True),
        _time("ordered_at"),
        _time("expires_at"),
        _time("created_at", nullable=False),
        *_id("download_marks"),
        sa.CheckConstraint("mark ~ '^[0-9a-f]{32}$'", name=op.f("ck_download_marks_mark")),
        sa.CheckConstraint(
            "state IN ('preparing', 'ready', 'failed', 'gone')",
            name=op.f("ck_download_marks_state"),
        ),
        sa.CheckConstraint(
            "state <> 'ready' OR (sha256 IS NOT NULL AND size_bytes IS NOT NULL"
            " AND expires_at IS NOT NULL)",
            name=op.f("ck_download_marks_ready_has_file"),
        ),
        sa.CheckConstraint(
            "(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_download_marks_failure")
        ),
        _to("download_marks", "license_id", "licenses"),
        _to("download_marks", "release_id", "releases"),
        sa.UniqueConstraint(
            "license_id", "release_id", name=op.f("uq_download_marks_license_id_release_id")
        ),
        sa.UniqueConstraint("mark", name=op.f("uq_download_marks_mark")),
    )
    op.create_index(
        "ix_download_marks_expiry",
        "download_marks",
        ["expires_at"],
        postgresql_where=sa.text("state = 'ready'"),
    )


def _mark_downloads() -> None:
    op.add_column("downloads", sa.Column("mark_id", sa.Uuid(), nullable=True))
    op.add_column("downloads", sa.Column("sha256", sa.String(length=64), nullable=True))
    op.create_foreign_key(
        op.f("fk_downloads_mark_id"), "downloads", "download_marks", ["mark_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_downloads_marked"), "downloads", "(mark_id IS NULL) = (sha256 IS NULL)"
    )
    op.create_index("ix_downloads_mark_id", "downloads", ["mark_id"])


def _create_searches() -> None:
    op.create_table(
        "leak_searches",
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("file_key", sa.String(length=200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=300), server_default="", nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=True),
        sa.Column("summary", postgresql.JSONB(), server_default="{}", nullable=False),
        _time("created_at", nullable=False),
        _time("finished_at"),
        *_id("leak_searches"),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'failed')", name=op.f("ck_leak_searches_state")
        ),
        sa.CheckConstraint(
            "(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_leak_searches_failure")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (finished_at IS NULL)", name=op.f("ck_leak_searches_finished")
        ),
        _to("leak_searches", "created_by", "users"),
    )


def _create_findings() -> None:
    op.create_table(
        "leak_findings",
        sa.Column("search_id", sa.Uuid(), nullable=False),
        sa.Column("mark_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("false_alarm", sa.Float(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('certain', 'likely')", name=op.f("ck_leak_findings_verdict")
        ),
        sa.CheckConstraint(
            "false_alarm BETWEEN 0 AND 1", name=op.f("ck_leak_findings_false_alarm")
        ),
        sa.CheckConstraint("rank >= 1", name=op.f("ck_leak_findings_rank")),
        _to("leak_findings", "search_id", "leak_searches"),
        _to("leak_findings", "mark_id", "download_marks"),
        sa.PrimaryKeyConstraint("search_id", "mark_id", name=op.f("pk_leak_findings")),
    )
    op.create_index("ix_leak_findings_mark_id", "leak_findings", ["mark_id"])


def downgrade() -> None:
    op.drop_table("leak_findings")
    op.drop_table("leak_searches")
    op.drop_index("ix_downloads_mark_id", "downloads")
    op.drop_constraint(op.f("ck_downloads_marked"), "downloads", type_="check")
    op.drop_constraint(op.f("fk_downloads_mark_id"), "downloads", type_="foreignkey")
    op.drop_column("downloads", "sha256")
    op.drop_column("downloads", "mark_id")
    op.drop_table("download_marks")
