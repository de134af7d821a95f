"""refunds, disputes, and orders that wallet and gateway pay together"""

from alembic import op
import sqlalchemy as sa

revision = "f60718293a4b"
down_revision = "d4e5f6071829"
branch_labels = None
depends_on = None


ACCOUNTS_BEFORE = {
    "kind": "kind IN ('wallet_paid', 'wallet_bonus', 'gateway', 'sales', 'bonus_expense',"
    " 'adjustments')",
    "owner": "(kind IN ('wallet_paid', 'wallet_bonus')) = (user_id IS NOT NULL)",
    "not_below_zero": "balance_satang >= 0",
}
ACCOUNTS = {
    "kind": "kind IN ('wallet_paid', 'wallet_bonus', 'debt', 'gateway', 'held', 'sales',"
    " 'refunds', 'bonus_expense', 'adjustments', 'fees', 'disputes', 'losses')",
    "owner": "(kind IN ('wallet_paid', 'wallet_bonus', 'debt')) = (user_id IS NOT NULL)",
    "not_below_zero": "balance_satang >= 0 OR kind = 'debt'",
}
POSTINGS_BEFORE = (
    "kind IN ('topup', 'purchase', 'wallet_credit', 'adjustment', 'bonus_expiry', 'bonus_clawback')"
)
POSTINGS = (
    "kind IN ('topup', 'purchase', 'wallet_credit', 'adjustment', 'bonus_expiry',"
    " 'bonus_clawback', 'bonus_return', 'wallet_hold', 'wallet_release', 'refund',"
    " 'refund_failed', 'wallet_refund', 'wallet_refund_undone', 'dispute', 'dispute_fee',"
    " 'dispute_won', 'dispute_lost', 'debt_repayment', 'gateway_fee')"
)
CHECKS = (
    ("orders", "wallet_part", "wallet_satang BETWEEN 0 AND total_satang"),
    (
        "orders",
        "wallet_pays_all",
        "payment_method NOT IN ('balance', 'free') OR wallet_satang = total_satang",
    ),
    ("orders", "refunded", "refunded_satang BETWEEN 0 AND total_satang"),
    ("order_items", "refunded", "refunded_satang BETWEEN 0 AND total_satang - discount_satang"),
    ("payments", "refunded", "refunded_satang BETWEEN 0 AND amount_satang"),
    ("licenses", "cause", "cause IS NULL OR status IN ('suspended', 'revoked')"),
    ("licenses", "status_before", "(cause IS NULL) = (status_before IS NULL)"),
    ("wallet_lot_uses", "returned", "returned_satang BETWEEN 0 AND amount_satang"),
)

# A debt has a balance but no lots.
LOTS_TRIGGER = """
CREATE OR REPLACE FUNCTION check_wallet_lots() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked uuid := CASE TG_TABLE_NAME
        WHEN 'ledger_accounts' THEN (to_jsonb(NEW) ->> 'id')::uuid
        ELSE (to_jsonb(NEW) ->> 'account_id')::uuid END;
BEGIN
    IF EXISTS (
        SELECT 1 FROM ledger_accounts a
        WHERE a.id = checked AND a.kind <> 'debt'
            AND a.balance_satang IS DISTINCT FROM (
                SELECT coalesce(sum(l.remaining_satang), 0) FROM wallet_lots l
                WHERE l.account_id = a.id AND l.remaining_satang > 0)
    )
    THEN
        RAISE EXCEPTION 'the lots of wallet account % do not hold its balance', checked
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "disputes",
        sa.Column("gateway_dispute_id", sa.String(length=200), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("gateway_status", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("fee_satang", sa.BigInteger(), nullable=False),
        sa.Column("taken_satang", sa.BigInteger(), nullable=False),
        sa.Column("debt_satang", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("evidence_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('inquiry', 'open', 'won', 'lost', 'closed')", name=op.f("ck_disputes_state")
        ),
        sa.CheckConstraint(
            "amount_satang > 0 AND fee_satang >= 0", name=op.f("ck_disputes_amount")
        ),
        sa.CheckConstraint(
            "taken_satang >= 0 AND debt_satang >= 0 AND taken_satang + debt_satang IN (0, amount_satang)",
            name=op.f("ck_disputes_wallet_parts"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_disputes_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("gateway_dispute_id", name=op.f("uq_disputes_gateway_dispute_id")),
    )
    op.create_index("ix_disputes_payment", "disputes", ["payment_id"], unique=False)
    op.create_index("ix_disputes_state", "disputes", ["state", "id"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("destination", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("bonus_satang", sa.BigInteger(), nullable=False),
        sa.Column("kept_satang", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("licenses", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("gateway_refund_id", sa.String(length=200), nullable=True),
        sa.Column("failure", sa.String(length=100), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(destination = 'gateway') = (payment_id IS NOT NULL)", name=op.f("ck_refunds_payment")
        ),
        sa.CheckConstraint(
            "bonus_satang BETWEEN 0 AND amount_satang AND (destination = 'wallet' OR bonus_satang = 0)",
            name=op.f("ck_refunds_bonus"),
        ),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_refunds_reason")),
        sa.CheckConstraint(
            "destination = 'gateway' OR state = 'succeeded'", name=op.f("ck_refunds_wallet_at_once")
        ),
        sa.CheckConstraint(
            "destination = 'wallet' OR state IN ('pending', 'failed') OR gateway_refund_id IS NOT NULL",
            name=op.f("ck_refunds_gateway_took_it"),
        ),
        sa.CheckConstraint(
            "destination IN ('wallet', 'gateway')", name=op.f("ck_refunds_destination")
        ),
        sa.CheckConstraint("licenses IN ('revoke', 'keep')", name=op.f("ck_refunds_licenses")),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'succeeded', 'failed')", name=op.f("ck_refunds_state")
        ),
        sa.CheckConstraint("amount_satang > 0", name=op.f("ck_refunds_amount")),
        sa.CheckConstraint(
            "kept_satang >= 0 AND kept_satang < amount_satang AND (order_id IS NULL OR kept_satang = 0)",
            name=op.f("ck_refunds_kept"),
        ),
        sa.CheckConstraint(
            "order_id IS NOT NULL OR payment_id IS NOT NULL", name=op.f("ck_refunds_subject")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_refunds_actor_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_refunds_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("gateway_refund_id", name=op.f("uq_refunds_gateway_refund_id")),
        sa.UniqueConstraint(
            "idempotency_key", "destination", name=op.f("uq_refunds_idempotency_key_destination")
        ),
    )
    op.create_index(
        "ix_refunds_open",
        "refunds",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sent')"),
    )
    op.create_index("ix_refunds_order", "refunds", ["order_id"], unique=False)
    op.create_index("ix_refunds_payment", "refunds", ["payment_id"], unique=False)
    op.create_table(
        "refund_lines",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount_satang > 0", name=op.f("ck_refund_lines_amount")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_items.id"], name=op.f("fk_refund_lines_order_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refunds.id"], name=op.f("fk_refund_lines_refund_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_lines")),
        sa.UniqueConstraint(
            "refund_id", "order_line_id", name=op.f("uq_refund_lines_refund_id_order_line_id")
        ),
    )
    op.create_index("ix_refund_lines_order_line", "refund_lines", ["order_line_id"], unique=False)
    op.add_column("licenses", sa.Column("cause", sa.String(length=60), nullable=True))
    op.add_column("licenses", sa.Column("status_before", sa.String(length=10), nullable=True))
    op.add_column(
        "bonus_clawbacks", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_licenses_cause",
        "licenses",
        ["cause"],
        unique=False,
        postgresql_where=sa.text("cause IS NOT NULL"),
    )
    op.add_column(
        "order_items",
        sa.Column("refunded_satang", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "orders", sa.Column("wallet_satang", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "orders", sa.Column("refunded_satang", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "payments",
        sa.Column("refunded_satang", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "wallet_lot_uses",
        sa.Column("returned_satang", sa.BigInteger(), server_default="0", nullable=False),
    )
    # What the wallet paid in full until today.
    op.execute(
        "UPDATE orders SET wallet_satang = total_satang WHERE payment_method IN ('balance', 'free')"
    )
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    _change_checks(ACCOUNTS, POSTINGS)
    op.create_check_constraint(
        op.f("ck_ledger_accounts_debt_not_above_zero"),
        "ledger_accounts",
        "balance_satang <= 0 OR kind <> 'debt'",
    )
    op.execute(LOTS_TRIGGER)


def downgrade() -> None:
    # Refused by the constraints on kinds once something new was booked: the books stay.
    op.drop_constraint(op.f("ck_ledger_accounts_debt_not_above_zero"), "ledger_accounts")
    _change_checks(ACCOUNTS_BEFORE, POSTINGS_BEFORE)
    for table, name, _condition in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.drop_column("wallet_lot_uses", "returned_satang")
    op.drop_column("payments", "refunded_satang")
    op.drop_column("orders", "refunded_satang")
    op.drop_column("orders", "wallet_satang")
    op.drop_column("order_items", "refunded_satang")
    op.drop_index(
        "ix_licenses_cause", table_name="licenses", postgresql_where=sa.text("cause IS NOT NULL")
    )
    op.drop_column("bonus_clawbacks", "undone_at")
    op.drop_column("licenses", "status_before")
    op.drop_column("licenses", "cause")
    op.drop_index("ix_refund_lines_order_line", table_name="refund_lines")
    op.drop_table("refund_lines")
    op.drop_index("ix_refunds_payment", table_name="refunds")
    op.drop_index("ix_refunds_order", table_name="refunds")
    op.drop_index(
        "ix_refunds_open",
        table_name="refunds",
        postgresql_where=sa.text("state IN ('pending', 'sent')"),
    )
    op.drop_table("refunds")
    op.drop_index("ix_disputes_state", table_name="disputes")
    op.drop_index("ix_disputes_payment", table_name="disputes")
    op.drop_table("disputes")


def _change_checks(accounts: dict[str, str], postings: str) -> None:
    for name, condition in accounts.items():
        op.drop_constraint(op.f(f"ck_ledger_accounts_{name}"), "ledger_accounts", type_="check")
        op.create_check_constraint(op.f(f"ck_ledger_accounts_{name}"), "ledger_accounts", condition)
    op.drop_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", type_="check")
    op.create_check_constraint(op.f("ck_ledger_postings_kind"), "ledger_postings", postings)
