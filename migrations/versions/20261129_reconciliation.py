"""reconciliation"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "293a4b5c6d7e"
down_revision = "0718293a4b5c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliation_runs",
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("step", sa.String(length=8), nullable=False),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cursor", sa.String(length=200), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.String(length=200), nullable=True),
        sa.Column("movements", sa.BigInteger(), nullable=False),
        sa.Column("fees_booked", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("fresh", sa.BigInteger(), nullable=False),
        sa.Column("resolved", sa.BigInteger(), nullable=False),
        sa.Column("unfiled", sa.BigInteger(), nullable=False),
        sa.Column("balances", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "alive_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'clean', 'differences', 'failed')",
            name=op.f("ck_reconciliation_runs_state"),
        ),
        sa.CheckConstraint(
            "step IN ('books', 'fetch', 'fees', 'gateway', 'close')",
            name=op.f("ck_reconciliation_runs_step"),
        ),
        sa.CheckConstraint(
            "(day IS NULL) <> (started_by IS NULL)", name=op.f("ck_reconciliation_runs_cause")
        ),
        sa.CheckConstraint(
            "(state = 'running') = (finished_at IS NULL)",
            name=op.f("ck_reconciliation_runs_finished"),
        ),
        sa.CheckConstraint(
            "state <> 'failed' OR failure IS NOT NULL", name=op.f("ck_reconciliation_runs_failure")
        ),
        sa.CheckConstraint(
            "window_from < window_until", name=op.f("ck_reconciliation_runs_window")
        ),
        sa.ForeignKeyConstraint(
            ["started_by"], ["users.id"], name=op.f("fk_reconciliation_runs_started_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_runs")),
        sa.UniqueConstraint("day", name=op.f("uq_reconciliation_runs_day")),
    )
    op.create_index(
        "uq_reconciliation_runs_one_running",
        "reconciliation_runs",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "gateway_movements",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("fee_satang", sa.BigInteger(), nullable=False),
        sa.Column("cost_satang", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("source_id", sa.String(length=200), nullable=True),
        sa.Column("gateway_payment_id", sa.String(length=200), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "kind IN ('charge', 'refund', 'refund_failure', 'dispute', 'dispute_reversal', 'fee',"
            " 'payout', 'other')",
            name=op.f("ck_gateway_movements_kind"),
        ),
        sa.CheckConstraint(
            "posting_id IS NULL OR cost_satang <> 0", name=op.f("ck_gateway_movements_booked")
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["ledger_postings.id"], name=op.f("fk_gateway_movements_posting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_movements")),
        sa.UniqueConstraint("posting_id", name=op.f("uq_gateway_movements_posting_id")),
    )
    op.create_index(
        "ix_gateway_movements_unbooked",
        "gateway_movements",
        ["id"],
        unique=False,
        postgresql_where=sa.text("cost_satang <> 0 AND posting_id IS NULL"),
    )
    op.create_table(
        "reconciliation_differences",
        sa.Column("check_code", sa.String(length=40), nullable=False),
        sa.Column("subject_type", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.String(length=240), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("actual", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_run_id", sa.Uuid(), nullable=False),
        sa.Column("last_run_id", sa.Uuid(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_run_id"],
            ["reconciliation_runs.id"],
            name=op.f("fk_reconciliation_differences_first_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["last_run_id"],
            ["reconciliation_runs.id"],
            name=op.f("fk_reconciliation_differences_last_run_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_differences")),
    )
    op.create_index(
        op.f("ix_reconciliation_differences_first_run_id"),
        "reconciliation_differences",
        ["first_run_id"],
        unique=False,
    )
    op.create_index(
        "ix_reconciliation_differences_resolved",
        "reconciliation_differences",
        ["resolved_at", "id"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NOT NULL"),
    )
    op.create_index(
        "uq_reconciliation_differences_open",
        "reconciliation_differences",
        ["check_code", "subject_type", "subject_id"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "reconciliation_notes",
        sa.Column("difference_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.String(length=500), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("btrim(body) <> ''", name=op.f("ck_reconciliation_notes_body")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_reconciliation_notes_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["difference_id"],
            ["reconciliation_differences.id"],
            name=op.f("fk_reconciliation_notes_difference_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_notes")),
        sa.UniqueConstraint(
            "idempotency_key", name=op.f("uq_reconciliation_notes_idempotency_key")
        ),
    )
    op.create_index(
        "ix_reconciliation_notes_difference",
        "reconciliation_notes",
        ["difference_id", "id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_reconciliation_notes_difference", table_name="reconciliation_notes")
    op.drop_table("reconciliation_notes")
    op.drop_index(
        "uq_reconciliation_differences_open",
        table_name="reconciliation_differences",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_index(
        "ix_reconciliation_differences_resolved",
        table_name="reconciliation_differences",
        postgresql_where=sa.text("resolved_at IS NOT NULL"),
    )
    op.drop_index(
        op.f("ix_reconciliation_differences_first_run_id"), table_name="reconciliation_differences"
    )
    op.drop_table("reconciliation_differences")
    op.drop_index(
        "ix_gateway_movements_unbooked",
        table_name="gateway_movements",
        postgresql_where=sa.text("cost_satang <> 0 AND posting_id IS NULL"),
    )
    op.drop_table("gateway_movements")
    op.drop_index(
        "uq_reconciliation_runs_one_running",
        table_name="reconciliation_runs",
        postgresql_where=sa.text("state = 'running'"),
    )
    op.drop_table("reconciliation_runs")
