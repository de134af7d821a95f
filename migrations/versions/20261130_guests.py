"""guests, who buy with an e-mail address alone"""

from alembic import op
import sqlalchemy as sa

revision = "18293a4b5c6d"
down_revision = "293a4b5c6d7e"
branch_labels = None
depends_on = None


POSTINGS_BEFORE = (
    "kind IN ('topup', 'purchase', 'wallet_credit', 'adjustment', 'bonus_expiry',"
    " 'bonus_clawback', 'bonus_return', 'wallet_hold', 'wallet_release', 'refund',"
    " 'refund_failed', 'wallet_refund', 'wallet_refund_undone', 'dispute', 'dispute_fee',"
    " 'dispute_won', 'dispute_lost', 'debt_repayment', 'gateway_fee')"
)
POSTINGS = POSTINGS_BEFORE.removesuffix(")") + ", 'account_merge')"
CHECKS = (
    ("guest", "is_guest = (discord_id IS NULL) AND is_guest = (guest_key IS NOT NULL)"),
    ("guest_email", "NOT is_guest OR email IS NOT NULL"),
    ("guest_is_no_staff", "NOT is_guest OR role = 'customer'"),
    (
        "merged",
        "(merged_into IS NULL) = (merged_at IS NULL) AND (merged_into IS NULL OR is_guest)",
    ),
)
# Everything of one person is found when a guest becomes a member: without these it would be
# looked for in every row of the table.
INDEXES = (
    ("ix_audit_entries_actor", "audit_entries", ["actor_id", "id"]),
    ("ix_downloads_user", "downloads", ["user_id"]),
    ("ix_payments_user", "payments", ["user_id", "id"]),
    ("ix_promo_uses_user", "promo_uses", ["user_id"]),
    ("ix_refunds_user", "refunds", ["user_id"]),
)

# A receipt says for ever what it said. Whose it is follows a guest to the member they became, and
# nobody else.
KEEP_RECEIPT = """
CREATE OR REPLACE FUNCTION keep_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    open_columns text[] := '{{}}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.number IS NULL THEN
            open_columns := open_columns || '{{number,numbered_at,content}}'::text[];
        END IF;
        IF OLD.voided_at IS NULL THEN
            open_columns := open_columns || '{{voided_at,void_reason}}'::text[];
        END IF;
        {owner}
        IF to_jsonb(NEW) - open_columns = to_jsonb(OLD) - open_columns THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'receipts stay as they are: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$
"""
OWNER_FOLLOWS = """
        IF EXISTS (SELECT 1 FROM users u
                WHERE u.id = OLD.user_id AND u.merged_into = NEW.user_id) THEN
            open_columns := open_columns || '{user_id}'::text[];
        END IF;
"""


def upgrade() -> None:
    op.alter_column("users", "discord_id", existing_type=sa.String(length=32), nullable=True)
    op.add_column(
        "users",
        sa.Column("is_guest", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("users", sa.Column("guest_key", sa.String(length=64), nullable=True))
    op.add_column("users", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.add_column("users", sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("uq_users_guest_key"), "users", ["guest_key"])
    op.create_foreign_key(op.f("fk_users_merged_into"), "users", "users", ["merged_into"], ["id"])
    for name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_users_{name}"), "users", condition)
    op.create_index(
        "ix_users_guest_email",
        "users",
        ["email"],
        unique=False,
        postgresql_where=sa.text("is_guest"),
    )
    op.create_index(
        "ix_users_merged",
        "users",
        ["merged_at"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns, unique=False)
    op.create_table(
        "guest_links",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_guest_links_lifetime")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_guest_links_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_guest_links_token_hash")),
    )
    op.create_index("ix_guest_links_user", "guest_links", ["user_id"], unique=False)
    op.create_index("ix_guest_links_expires", "guest_links", ["expires_at"], unique=False)
    op.create_table(
        "guest_recoveries",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("locale IN ('th', 'en')", name=op.f("ck_guest_recoveries_locale")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_recoveries")),
        sa.UniqueConstraint("email", name=op.f("uq_guest_recoveries_email")),
    )
    op.create_index("ix_guest_recoveries_asked", "guest_recoveries", ["asked_at"], unique=False)
    _change_kinds(POSTINGS)
    op.execute(KEEP_RECEIPT.format(owner=OWNER_FOLLOWS))


def downgrade() -> None:
    # Refused once a guest bought something or became a member: people and books stay.
    op.execute(KEEP_RECEIPT.format(owner=""))
    _change_kinds(POSTINGS_BEFORE)
    op.drop_index("ix_guest_recoveries_asked", table_name="guest_recoveries")
    op.drop_table("guest_recoveries")
    op.drop_index("ix_guest_links_expires", table_name="guest_links")
    op.drop_index("ix_guest_links_user", table_name="guest_links")
    op.drop_table("guest_links")
    for name, table, _columns in INDEXES:
        op.drop_index(name, table_name=table)
    op.drop_index(
        "ix_users_merged",
        table_name="users",
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.drop_index("ix_users_guest_email", table_name="users", postgresql_where=sa.text("is_guest"))
    for name, _condition in CHECKS:
        op.drop_constraint(op.f(f"ck_users_{name}"), "users", type_="check")
    op.drop_constraint(op.f("fk_users_merged_into"), "users", type_="foreignkey")
    op.drop_constraint(op.f("uq_users_guest_key"), "users", type_="unique")
    op.drop_column("users", "merged_at")
    op.drop_column("users", "merged_into")
    op.drop_column("users", "guest_key")
    op.drop_column("users", "is_guest")
    op.alter_column("users", "discord_id", existing_type=sa.String(length=32), nullable=False)


def _change_kinds(condition: str) -> None:
    op.drop_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", type_="check")
    op.create_check_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", condition)
