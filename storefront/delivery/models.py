"""Tables of delivery."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified


class Download(Identified, Base):
    """One signed link handed to an owner."""

    __tablename__ = "downloads"
    __table_args__ = (
        Index("ix_downloads_license_id", "license_id"),
        Index("ix_downloads_user", "user_id"),
    )

    license_id: Mapped[UUID] = mapped_column(ForeignKey("licenses.id"))
    release_id: Mapped[UUID] = mapped_column(ForeignKey("releases.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str] = mapped_column(String(45))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
