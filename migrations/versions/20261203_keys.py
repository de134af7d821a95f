"""gifts of licences, the seller's rules for suspicious ones, an index for those that end"""

from alembic import op
import sqlalchemy as sa

revision = "7c3e2a9f5db4"
down_revision = "5a1c0e7d3b92"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_licenses_expires",
        "licenses",
        ["expires_at"],
        postgresql_where=sa.text("status = 'active' AND expires_at IS NOT NULL"),
    )
    _create_gifts()
    _create_rules()


def _create_gifts() -> None:
    op.create_table(
        "license_gifts",
        sa.Column("license_id", sa.Uuid(), nullable=False),
        sa.Column("giver_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("receiver_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'accepted', 'declined', 'withdrawn')",
            name=op.f("ck_license_gifts_state"),
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (closed_at IS NULL)", name=op.f("ck_license_gifts_closed")
        ),
        sa.CheckConstraint(
            "state <> 'accepted' OR receiver_id IS NOT NULL",
            name=op.f("ck_license_gifts_accepted_by"),
        ),
        sa.CheckConstraint(
            "receiver_id IS NULL OR receiver_id <> giver_id",
            name=op.f("ck_license_gifts_to_another"),
        ),
        sa.CheckConstraint(
            "recipient = lower(recipient) AND recipient <> ''",
            name=op.f("ck_license_gifts_recipient"),
        ),
        sa.ForeignKeyConstraint(
            ["license_id"], ["licenses.id"], name=op.f("fk_license_gifts_license_id")
        ),
        sa.ForeignKeyConstraint(["giver_id"], ["users.id"], name=op.f("fk_license_gifts_giver_id")),
        sa.ForeignKeyConstraint(
            ["receiver_id"], ["users.id"], name=op.f("fk_license_gifts_receiver_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_gifts")),
    )
    op.create_index(
        "uq_license_gifts_pending",
        "license_gifts",
        ["license_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_license_gifts_recipient",
        "license_gifts",
        ["recipient"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_license_gifts_license", "license_gifts", ["license_id", "id"])


def _create_rules() -> None:
    op.create_table(
        "license_rules",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("networks_a_day", sa.BigInteger(), nullable=False),
        sa.Column("suspend_many_networks", sa.Boolean(), nullable=False),
        sa.Column("suspend_more_live", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_license_rules_one_row")),
        sa.CheckConstraint(
            "networks_a_day BETWEEN 2 AND 1000", name=op.f("ck_license_rules_networks_a_day")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_rules")),
    )


def downgrade() -> None:
    op.drop_table("license_rules")
    op.drop_table("license_gifts")
    op.drop_index("ix_licenses_expires", "licenses")
