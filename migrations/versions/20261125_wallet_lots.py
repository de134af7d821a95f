"""wallet lots"""

from alembic import op
import sqlalchemy as sa

revision = "d4e5f6071829"
down_revision = "e5f607182930"
branch_labels = None
depends_on = None


OLD_KINDS = "kind IN ('topup', 'purchase', 'wallet_credit', 'adjustment')"
NEW_KINDS = (
    "kind IN ('topup', 'purchase', 'wallet_credit', 'adjustment', 'bonus_expiry', 'bonus_clawback')"
)

# One lot for what each wallet holds today. Nobody was promised an end of this bonus, so it has
# none.
LOTS_OF_TODAY = """
INSERT INTO wallet_lots
    (id, account_id, pot, posting_id, amount_satang, remaining_satang, created_at)
SELECT uuidv7(), id, CASE kind WHEN 'wallet_paid' THEN 'paid' ELSE 'bonus' END, NULL,
    balance_satang, balance_satang, now()
FROM ledger_accounts WHERE balance_satang > 0
"""

# What is left of the lots is the balance, whoever writes to the tables: a commit that breaks this
# is refused.
LOT_TRIGGERS = """
CREATE FUNCTION check_wallet_lots() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked uuid := CASE TG_TABLE_NAME
        WHEN 'ledger_accounts' THEN (to_jsonb(NEW) ->> 'id')::uuid
        ELSE (to_jsonb(NEW) ->> 'account_id')::uuid END;
BEGIN
    IF EXISTS (
        SELECT 1 FROM ledger_accounts a
        WHERE a.id = checked AND a.balance_satang IS DISTINCT FROM (
            SELECT coalesce(sum(l.remaining_satang), 0) FROM wallet_lots l
            WHERE l.account_id = a.id AND l.remaining_satang > 0)
    )
    THEN
        RAISE EXCEPTION 'the lots of wallet account % do not hold its balance', checked
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_accounts_have_lots
    AFTER INSERT OR UPDATE OF balance_satang ON ledger_accounts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.balance_satang IS NOT NULL)
    EXECUTE FUNCTION check_wallet_lots();
CREATE CONSTRAINT TRIGGER wallet_lots_hold_the_balance
    AFTER INSERT OR UPDATE OF remaining_satang ON wallet_lots
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_wallet_lots();
"""


def upgrade() -> None:
    op.create_table(
        "topup_packages",
        sa.Column("name_th", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=60), nullable=False),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("bonus_satang", sa.BigInteger(), nullable=False),
        sa.Column("bonus_days", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "amount_satang BETWEEN 2000 AND 5000000", name=op.f("ck_topup_packages_amount")
        ),
        sa.CheckConstraint(
            "bonus_satang BETWEEN 0 AND amount_satang", name=op.f("ck_topup_packages_bonus")
        ),
        sa.CheckConstraint(
            "bonus_days BETWEEN 1 AND 3650", name=op.f("ck_topup_packages_bonus_days")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topup_packages")),
    )
    op.create_table(
        "topup_bonus_tiers",
        sa.Column("least_satang", sa.BigInteger(), nullable=False),
        sa.Column("basis_points", sa.BigInteger(), nullable=False),
        sa.Column("max_bonus_satang", sa.BigInteger(), nullable=True),
        sa.Column("bonus_days", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "least_satang BETWEEN 2000 AND 5000000", name=op.f("ck_topup_bonus_tiers_least")
        ),
        sa.CheckConstraint(
            "basis_points BETWEEN 1 AND 10000", name=op.f("ck_topup_bonus_tiers_basis_points")
        ),
        sa.CheckConstraint("max_bonus_satang > 0", name=op.f("ck_topup_bonus_tiers_max_bonus")),
        sa.CheckConstraint(
            "bonus_days BETWEEN 1 AND 3650", name=op.f("ck_topup_bonus_tiers_bonus_days")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topup_bonus_tiers")),
        sa.UniqueConstraint("least_satang", name=op.f("uq_topup_bonus_tiers_least_satang")),
    )
    op.create_table(
        "topup_limits",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("least_satang", sa.BigInteger(), nullable=False),
        sa.Column("largest_satang", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_topup_limits_one_row")),
        sa.CheckConstraint(
            "least_satang BETWEEN 2000 AND largest_satang AND largest_satang <= 5000000",
            name=op.f("ck_topup_limits_bounds"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topup_limits")),
    )
    op.add_column("topups", sa.Column("package_id", sa.Uuid(), nullable=True))
    op.add_column(
        "topups", sa.Column("bonus_satang", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("topups", sa.Column("bonus_days", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_topups_package_id"), "topups", "topup_packages", ["package_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_topups_bonus"), "topups", "bonus_satang BETWEEN 0 AND amount_satang"
    )
    op.create_check_constraint(
        op.f("ck_topups_bonus_days"), "topups", "bonus_days BETWEEN 1 AND 3650"
    )
    op.drop_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", type_="check")
    op.create_check_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", NEW_KINDS)
    op.create_table(
        "wallet_lots",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("pot", sa.String(length=5), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("remaining_satang", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("pot IN ('paid', 'bonus')", name=op.f("ck_wallet_lots_pot")),
        sa.CheckConstraint("amount_satang > 0", name=op.f("ck_wallet_lots_amount")),
        sa.CheckConstraint(
            "remaining_satang BETWEEN 0 AND amount_satang", name=op.f("ck_wallet_lots_remaining")
        ),
        sa.CheckConstraint(
            "expires_at IS NULL OR pot = 'bonus'", name=op.f("ck_wallet_lots_only_bonus_expires")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_accounts.id"], name=op.f("fk_wallet_lots_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["ledger_postings.id"], name=op.f("fk_wallet_lots_posting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_lots")),
        sa.UniqueConstraint(
            "posting_id", "account_id", name=op.f("uq_wallet_lots_posting_id_account_id")
        ),
    )
    op.create_index(
        "ix_wallet_lots_left",
        "wallet_lots",
        ["account_id", "expires_at", "created_at"],
        unique=False,
        postgresql_where=sa.text("remaining_satang > 0"),
    )
    op.create_index(
        "ix_wallet_lots_expiring",
        "wallet_lots",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("remaining_satang > 0 AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "wallet_lot_uses",
        sa.Column("posting_id", sa.Uuid(), nullable=False),
        sa.Column("lot_id", sa.Uuid(), nullable=False),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount_satang > 0", name=op.f("ck_wallet_lot_uses_amount")),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["wallet_lots.id"], name=op.f("fk_wallet_lot_uses_lot_id")
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["ledger_postings.id"], name=op.f("fk_wallet_lot_uses_posting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_lot_uses")),
        sa.UniqueConstraint(
            "posting_id", "lot_id", name=op.f("uq_wallet_lot_uses_posting_id_lot_id")
        ),
    )
    op.create_index("ix_wallet_lot_uses_lot", "wallet_lot_uses", ["lot_id"], unique=False)
    op.create_table(
        "wallet_adjustments",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("pot", sa.String(length=5), nullable=False),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("pot IN ('paid', 'bonus')", name=op.f("ck_wallet_adjustments_pot")),
        sa.CheckConstraint("amount_satang <> 0", name=op.f("ck_wallet_adjustments_amount")),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_wallet_adjustments_reason")),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_wallet_adjustments_actor_id")
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["ledger_postings.id"], name=op.f("fk_wallet_adjustments_posting_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_wallet_adjustments_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_adjustments")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_wallet_adjustments_idempotency_key")),
        sa.UniqueConstraint("posting_id", name=op.f("uq_wallet_adjustments_posting_id")),
    )
    op.create_index(
        "ix_wallet_adjustments_user", "wallet_adjustments", ["user_id", "id"], unique=False
    )
    op.create_table(
        "bonus_clawbacks",
        sa.Column("topup_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=90), nullable=False),
        sa.Column("refunded_satang", sa.BigInteger(), nullable=False),
        sa.Column("taken_satang", sa.BigInteger(), nullable=False),
        sa.Column("shortfall_satang", sa.BigInteger(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("refunded_satang > 0", name=op.f("ck_bonus_clawbacks_refunded")),
        sa.CheckConstraint(
            "taken_satang >= 0 AND shortfall_satang >= 0", name=op.f("ck_bonus_clawbacks_parts")
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["ledger_postings.id"], name=op.f("fk_bonus_clawbacks_posting_id")
        ),
        sa.ForeignKeyConstraint(
            ["topup_id"], ["topups.id"], name=op.f("fk_bonus_clawbacks_topup_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bonus_clawbacks")),
        sa.UniqueConstraint("posting_id", name=op.f("uq_bonus_clawbacks_posting_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_bonus_clawbacks_reference")),
    )
    op.create_index("ix_bonus_clawbacks_topup", "bonus_clawbacks", ["topup_id"], unique=False)
    # Nobody moves a wallet between its first lot and the trigger that guards it.
    op.execute("LOCK TABLE ledger_accounts IN SHARE ROW EXCLUSIVE MODE")
    op.execute(LOTS_OF_TODAY)
    op.execute(LOT_TRIGGERS)


def downgrade() -> None:
    # Postings are never taken back: after the first expiry or clawback this is refused by the
    # constraint on kinds.
    op.drop_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", type_="check")
    op.create_check_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", OLD_KINDS)
    op.execute("DROP FUNCTION check_wallet_lots() CASCADE")
    op.drop_index("ix_bonus_clawbacks_topup", table_name="bonus_clawbacks")
    op.drop_table("bonus_clawbacks")
    op.drop_index("ix_wallet_adjustments_user", table_name="wallet_adjustments")
    op.drop_table("wallet_adjustments")
    op.drop_index("ix_wallet_lot_uses_lot", table_name="wallet_lot_uses")
    op.drop_table("wallet_lot_uses")
    op.drop_index(
        "ix_wallet_lots_expiring",
        table_name="wallet_lots",
        postgresql_where=sa.text("remaining_satang > 0 AND expires_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_wallet_lots_left",
        table_name="wallet_lots",
        postgresql_where=sa.text("remaining_satang > 0"),
    )
    op.drop_table("wallet_lots")
    op.drop_constraint(op.f("ck_topups_bonus_days"), "topups", type_="check")
    op.drop_constraint(op.f("ck_topups_bonus"), "topups", type_="check")
    op.drop_constraint(op.f("fk_topups_package_id"), "topups", type_="foreignkey")
    op.drop_column("topups", "bonus_days")
    op.drop_column("topups", "bonus_satang")
    op.drop_column("topups", "package_id")
    op.drop_table("topup_limits")
    op.drop_table("topup_bonus_tiers")
    op.drop_table("topup_packages")
