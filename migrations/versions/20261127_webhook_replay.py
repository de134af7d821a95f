"""replay webhooks, and find postings, payments and lost work fast"""

from alembic import op
import sqlalchemy as sa

revision = "3a4b5c6d7e8f"
down_revision = "f60718293a4b"
branch_labels = None
depends_on = None

OBJECT_ID = "(payload #>> '{data,object,id}')"


def upgrade() -> None:
    op.add_column(
        "webhook_events", sa.Column("replays", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "webhook_events", sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_check_constraint(op.f("ck_webhook_events_replays"), "webhook_events", "replays >= 0")
    op.create_check_constraint(
        op.f("ck_webhook_events_replayed_at"),
        "webhook_events",
        "(replays > 0) = (replayed_at IS NOT NULL)",
    )
    op.create_index(
        "ix_webhook_events_received",
        "webhook_events",
        ["id"],
        postgresql_where=sa.text("state = 'received'"),
    )
    op.create_index("ix_webhook_events_object", "webhook_events", [sa.text(OBJECT_ID)])
    op.create_index("ix_outbox_dead", "outbox", ["id"], postgresql_where=sa.text("state = 'dead'"))
    op.create_index("ix_ledger_postings_kind", "ledger_postings", ["kind", "id"])
    op.create_index(
        "ix_ledger_postings_posted_at", "ledger_postings", ["posted_at"], postgresql_using="brin"
    )
    op.create_index("ix_ledger_postings_reference", "ledger_postings", ["reference"])


def downgrade() -> None:
    op.drop_index("ix_ledger_postings_reference", table_name="ledger_postings")
    op.drop_index(
        "ix_ledger_postings_posted_at", table_name="ledger_postings", postgresql_using="brin"
    )
    op.drop_index("ix_ledger_postings_kind", table_name="ledger_postings")
    op.drop_index("ix_outbox_dead", table_name="outbox")
    op.drop_index("ix_webhook_events_object", table_name="webhook_events")
    op.drop_index("ix_webhook_events_received", table_name="webhook_events")
    op.drop_constraint(op.f("ck_webhook_events_replayed_at"), "webhook_events")
    op.drop_constraint(op.f("ck_webhook_events_replays"), "webhook_events")
    op.drop_column("webhook_events", "replayed_at")
    op.drop_column("webhook_events", "replays")
