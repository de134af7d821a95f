"""The table of the seller's rules for licences that look shared."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base

NETWORKS_A_DAY: Final = 8


class LicenseRules(Base):
    """From how many networks a key may be tried in a day before it is flagged, and which flags
    suspend a licence at once. One row, or none for the defaults: flag, and suspend nothing."""

    __tablename__ = "license_rules"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("networks_a_day BETWEEN 2 AND 1000", name="networks_a_day"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    networks_a_day: Mapped[int] = mapped_column(default=NETWORKS_A_DAY)
    suspend_many_networks: Mapped[bool] = mapped_column(default=False)
    suspend_more_live: Mapped[bool] = mapped_column(default=False)
    revision: Mapped[int] = mapped_column(default=1, server_default="1")
