"""licences that staff give away"""

from alembic import op

revision = "c41f7a90d2e8"
down_revision = "9e5a4c1b7fd6"
branch_labels = None
depends_on = None

NAME = op.f("ck_licenses_source")


def upgrade() -> None:
    _allow("'order', 'tebex', 'staff'")


def downgrade() -> None:
    _allow("'order', 'tebex'")


def _allow(sources: str) -> None:
    op.drop_constraint(NAME, "licenses", type_="check")
    op.create_check_constraint(NAME, "licenses", f"source IN ({sources})")
