"""Tables of notices and e-mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.db import Base, Identified


class Notification(Identified, Base):
    """A notice in the app. The text is made from `event` and `context` when it is shown, in the
    reader's language of that moment."""

    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint("type IN ('order', 'update', 'promotion', 'system')", name="type"),
        Index("ix_notifications_user", "user_id", "id"),
        Index("ix_notifications_unread", "user_id", postgresql_where=text("read_at IS NULL")),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(10))
    event: Mapped[str] = mapped_column(String(40))
    context: Mapped[dict[str, Any]]
    path: Mapped[str] = mapped_column(String(200))
    dedupe_key: Mapped[str] = mapped_column(String(120), unique=True)
    read_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SentMail(Base):
    """Proof that a mail left: written after the mail server took it, so it is sent once."""

    __tablename__ = "sent_mails"

    dedupe_key: Mapped[str] = mapped_column(String(200), primary_key=True)
    recipient: Mapped[str] = mapped_column(String(254))
    event: Mapped[str] = mapped_column(String(40))
    message_id: Mapped[str] = mapped_column(String(200))
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now())
