"""show promptpay codes"""

from alembic import op
import sqlalchemy as sa

revision = "e5f607182930"
down_revision = "c3d4e5f60718"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "payments",
        sa.Column("pay_by", sa.String(length=10), server_default="card", nullable=False),
    )
    op.add_column("payments", sa.Column("qr_payload", sa.String(), nullable=True))
    op.create_check_constraint(
        op.f("ck_payments_pay_by"), "payments", "pay_by IN ('card', 'promptpay')"
    )
    op.create_check_constraint(
        op.f("ck_payments_promptpay_email"),
        "payments",
        "pay_by <> 'promptpay' OR email IS NOT NULL",
    )
    op.drop_constraint(op.f("ck_orders_payment_method"), "orders")
    op.create_check_constraint(
        op.f("ck_orders_payment_method"),
        "orders",
        "payment_method IN ('balance', 'stripe', 'promptpay', 'free')",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_orders_payment_method"), "orders")
    op.create_check_constraint(
        op.f("ck_orders_payment_method"),
        "orders",
        "payment_method IN ('balance', 'stripe', 'free')",
    )
    op.drop_constraint(op.f("ck_payments_promptpay_email"), "payments")
    op.drop_constraint(op.f("ck_payments_pay_by"), "payments")
    op.drop_column("payments", "qr_payload")
    op.drop_column("payments", "pay_by")
