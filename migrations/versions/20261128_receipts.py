"""receipts, their numbers, and who sells"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0718293a4b5c"
down_revision = "3a4b5c6d7e8f"
branch_labels = None
depends_on = None


# What is written on a paper stays. A number is set once; a credit note can be declared void once.
PAPERS_STAY = """
CREATE FUNCTION keep_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    open_columns text[] := '{}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.number IS NULL THEN
            open_columns := open_columns || '{number,numbered_at,content}'::text[];
        END IF;
        IF OLD.voided_at IS NULL THEN
            open_columns := open_columns || '{voided_at,void_reason}'::text[];
        END IF;
        IF to_jsonb(NEW) - open_columns = to_jsonb(OLD) - open_columns THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'receipts stay as they are: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER receipts_stay BEFORE UPDATE OR DELETE ON receipts
    FOR EACH ROW EXECUTE FUNCTION keep_receipt();
CREATE TRIGGER receipts_are_not_emptied BEFORE TRUNCATE ON receipts
    FOR EACH STATEMENT EXECUTE FUNCTION keep_receipt();
"""

# Papers for what was paid before there were any; they get their numbers from the schedule, the
# oldest first. Nobody had said who sells, so their seller is the shop by its name.
PAPERS_OF_ORDERS = """
INSERT INTO receipts (id, kind, series, year, user_id, order_id, amount_satang, vat_satang,
    vat_basis_points, currency, buyer_name, buyer_email, content, issued_at)
SELECT uuidv7(), 'order', 'RC', date_part('year', timezone('Asia/Bangkok', paid.at)), o.user_id,
    o.id, o.total_satang, 0, 0, o.currency, u.display_name, coalesce(o.email, u.email),
    jsonb_build_object(
        'seller', NULL, 'discount_satang', o.discount_satang, 'promo_code', o.promo_code,
        'reason', '', 'destination', '', 'before_satang', NULL,
        'paid', CASE WHEN o.wallet_satang = o.total_satang
            THEN jsonb_build_array(jsonb_build_array('balance', o.total_satang))
            WHEN o.wallet_satang = 0
            THEN jsonb_build_array(jsonb_build_array(o.payment_method, o.total_satang))
            ELSE jsonb_build_array(jsonb_build_array('balance', o.wallet_satang),
                jsonb_build_array(o.payment_method, o.total_satang - o.wallet_satang)) END,
        'lines', (SELECT jsonb_agg(jsonb_build_object(
                'name_th', i.name_th, 'name_en', i.name_en,
                'detail_th', i.variant_name_th, 'detail_en', i.variant_name_en,
                'quantity', i.quantity, 'unit_satang', i.unit_price_satang,
                'amount_satang', i.total_satang) ORDER BY i.position)
            FROM order_items i WHERE i.order_id = o.id)),
    paid.at
FROM orders o JOIN users u ON u.id = o.user_id,
    LATERAL (SELECT coalesce(o.completed_at, o.created_at) AS at) paid
WHERE o.state IN ('completed', 'partially_refunded', 'refunded') AND o.total_satang > 0
"""
PAPERS_OF_ADVANCES = """
INSERT INTO receipts (id, kind, series, year, user_id, payment_id, amount_satang, vat_satang,
    vat_basis_points, currency, buyer_name, buyer_email, content, issued_at)
SELECT uuidv7(), 'advance', 'RC', date_part('year', timezone('Asia/Bangkok', p.paid_at)),
    p.user_id, p.id, p.amount_satang, 0, 0, p.currency, u.display_name,
    coalesce(p.email, u.email),
    jsonb_build_object(
        'seller', NULL, 'discount_satang', 0, 'promo_code', NULL,
        'reason', '', 'destination', '', 'before_satang', NULL,
        'paid', jsonb_build_array(jsonb_build_array(
            CASE p.pay_by WHEN 'promptpay' THEN 'promptpay' ELSE 'stripe' END, p.amount_satang)),
        'lines', jsonb_build_array(jsonb_build_object(
            'name_th', CASE p.purpose WHEN 'topup' THEN 'เติมเงินเข้ากระเป๋าเงิน'
                ELSE 'เงินที่ชำระสำหรับ ' || p.label || ' เก็บไว้ในกระเป๋าเงิน' END,
            'name_en', CASE p.purpose WHEN 'topup' THEN 'Wallet top-up'
                ELSE 'Payment for ' || p.label || ', kept in the wallet' END,
            'detail_th', '', 'detail_en', '', 'quantity', 1,
            'unit_satang', p.amount_satang, 'amount_satang', p.amount_satang))),
    p.paid_at
FROM payments p JOIN users u ON u.id = p.user_id
JOIN ledger_postings l ON l.reference = p.gateway_payment_id
    AND l.kind IN ('topup', 'wallet_credit')
WHERE p.state = 'succeeded'
"""


def upgrade() -> None:
    op.create_table(
        "seller_details",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name_th", sa.String(length=160), nullable=False),
        sa.Column("name_en", sa.String(length=160), nullable=False),
        sa.Column("address_th", sa.String(length=400), nullable=False),
        sa.Column("address_en", sa.String(length=400), nullable=False),
        sa.Column("tax_id", sa.String(length=13), nullable=True),
        sa.Column("branch", sa.String(length=5), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("vat_on", sa.Boolean(), nullable=False),
        sa.Column("vat_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_seller_details_one_row")),
        sa.CheckConstraint(
            "btrim(name_th) <> '' AND btrim(name_en) <> ''", name=op.f("ck_seller_details_name")
        ),
        sa.CheckConstraint(
            "tax_id IS NULL OR CASE WHEN tax_id ~ '^[0-9]{13}$' THEN (11 - ("
            + " + ".join(f"substr(tax_id, {n}, 1)::int * {14 - n}" for n in range(1, 13))
            + ") % 11) % 10 = substr(tax_id, 13, 1)::int ELSE false END",
            name=op.f("ck_seller_details_tax_id"),
        ),
        sa.CheckConstraint("branch ~ '^[0-9]{5}$'", name=op.f("ck_seller_details_branch")),
        sa.CheckConstraint(
            "vat_basis_points BETWEEN 1 AND 10000",
            name=op.f("ck_seller_details_vat_basis_points"),
        ),
        sa.CheckConstraint(
            "NOT vat_on OR tax_id IS NOT NULL", name=op.f("ck_seller_details_vat_needs_tax_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_details")),
    )
    op.create_table(
        "receipt_counters",
        sa.Column("series", sa.String(length=2), nullable=False),
        sa.Column("year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("last_number >= 0", name=op.f("ck_receipt_counters_last_number")),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_receipt_counters")),
    )
    op.create_table(
        "receipts",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("series", sa.String(length=2), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("corrects_id", sa.Uuid(), nullable=True),
        sa.Column("amount_satang", sa.BigInteger(), nullable=False),
        sa.Column("vat_satang", sa.BigInteger(), nullable=False),
        sa.Column("vat_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("buyer_name", sa.String(length=64), nullable=False),
        sa.Column("buyer_email", sa.String(length=254), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("numbered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "CASE kind"
            " WHEN 'order' THEN order_id IS NOT NULL AND payment_id IS NULL"
            " AND refund_id IS NULL AND corrects_id IS NULL"
            " WHEN 'advance' THEN payment_id IS NOT NULL AND order_id IS NULL"
            " AND refund_id IS NULL AND corrects_id IS NULL"
            " WHEN 'refund' THEN (order_id IS NULL) <> (payment_id IS NULL)"
            " AND refund_id IS NOT NULL AND corrects_id IS NOT NULL"
            " ELSE false END",
            name=op.f("ck_receipts_subject"),
        ),
        sa.CheckConstraint(
            "series = CASE kind WHEN 'refund' THEN 'CN' ELSE 'RC' END",
            name=op.f("ck_receipts_series"),
        ),
        sa.CheckConstraint(
            "year = date_part('year', timezone('Asia/Bangkok', issued_at))",
            name=op.f("ck_receipts_year"),
        ),
        sa.CheckConstraint(
            "number > 0 AND (number IS NULL) = (numbered_at IS NULL)",
            name=op.f("ck_receipts_number"),
        ),
        sa.CheckConstraint("amount_satang > 0", name=op.f("ck_receipts_amount")),
        sa.CheckConstraint(
            "vat_satang BETWEEN 0 AND amount_satang AND vat_basis_points BETWEEN 0 AND 10000"
            " AND (vat_basis_points > 0 OR vat_satang = 0)"
            " AND (kind <> 'advance' OR vat_basis_points = 0)",
            name=op.f("ck_receipts_vat"),
        ),
        sa.CheckConstraint(
            "(voided_at IS NULL) = (void_reason IS NULL)"
            " AND (voided_at IS NULL OR kind = 'refund')",
            name=op.f("ck_receipts_void"),
        ),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["receipts.id"], name=op.f("fk_receipts_corrects_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_receipts_order_id")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_receipts_payment_id")
        ),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_receipts_refund_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_receipts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_receipts_refund_id")),
        sa.UniqueConstraint(
            "series", "year", "number", name=op.f("uq_receipts_series_year_number")
        ),
    )
    op.create_index(
        "uq_receipts_order",
        "receipts",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'order'"),
    )
    op.create_index(
        "uq_receipts_payment",
        "receipts",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'advance'"),
    )
    op.create_index("ix_receipts_user", "receipts", ["user_id", "id"], unique=False)
    op.create_index("ix_receipts_order", "receipts", ["order_id"], unique=False)
    op.create_index("ix_receipts_corrects", "receipts", ["corrects_id"], unique=False)
    op.create_index("ix_receipts_year", "receipts", ["year", "id"], unique=False)
    op.create_index("ix_receipts_number", "receipts", ["number"], unique=False)
    op.create_index(
        "ix_receipts_buyer_email",
        "receipts",
        [sa.text("lower(buyer_email) text_pattern_ops")],
        unique=False,
    )
    op.create_index(
        "ix_receipts_waiting",
        "receipts",
        ["series", "year", "issued_at", "id"],
        unique=False,
        postgresql_where=sa.text("number IS NULL"),
    )
    op.execute(PAPERS_STAY)
    op.execute(PAPERS_OF_ORDERS)
    op.execute(PAPERS_OF_ADVANCES)


def downgrade() -> None:
    op.drop_table("receipts")
    op.execute("DROP FUNCTION keep_receipt()")
    op.drop_table("receipt_counters")
    op.drop_table("seller_details")
