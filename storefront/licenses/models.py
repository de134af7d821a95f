"""Tables of licences."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.accounts.models import User
from storefront.catalog.models import Product, Variant
from storefront.db import Base, Identified
from storefront.kit.state import Machine


class LicenseStatus(StrEnum):
    """What is stored. Being expired is a fact of time as well: see `effective_status`."""

    ACTIVE = "active"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class LicenseAction(StrEnum):
    """What can be done to a licence. REINSTATE is the money's: a refund that failed or a dispute
    that was won takes back what it did, and nothing else does."""

    SUSPEND = "suspend"
    RESTORE = "restore"
    REVOKE = "revoke"
    EXPIRE = "expire"
    EXTEND = "extend"
    RENEW = "renew"
    REINSTATE = "reinstate"


_LONGER = {
    LicenseStatus.ACTIVE: LicenseStatus.ACTIVE,
    LicenseStatus.EXPIRED: LicenseStatus.ACTIVE,
    # Time can be added to what is suspended, but does not end the suspension.
    LicenseStatus.SUSPENDED: LicenseStatus.SUSPENDED,
}

LICENSE_MACHINE: Machine[LicenseStatus, LicenseAction] = Machine(
    {
        LicenseAction.SUSPEND: {
            LicenseStatus.ACTIVE: LicenseStatus.SUSPENDED,
            LicenseStatus.EXPIRED: LicenseStatus.SUSPENDED,
        },
        LicenseAction.RESTORE: {LicenseStatus.SUSPENDED: LicenseStatus.ACTIVE},
        LicenseAction.REVOKE: {
            LicenseStatus.ACTIVE: LicenseStatus.REVOKED,
            LicenseStatus.EXPIRED: LicenseStatus.REVOKED,
            LicenseStatus.SUSPENDED: LicenseStatus.REVOKED,
        },
        LicenseAction.EXPIRE: {LicenseStatus.ACTIVE: LicenseStatus.EXPIRED},
        LicenseAction.EXTEND: _LONGER,
        LicenseAction.RENEW: _LONGER,
        LicenseAction.REINSTATE: {
            LicenseStatus.SUSPENDED: LicenseStatus.ACTIVE,
            LicenseStatus.REVOKED: LicenseStatus.ACTIVE,
        },
    }
)


class LicenseSource(StrEnum):
    """Where a licence comes from."""

    ORDER = "order"
    TEBEX = "tebex"
    STAFF = "staff"


class AddressMode(StrEnum):
    """How the servers of a licence are chosen: by their first checks, or by a list kept by hand."""

    AUTO = "auto"
    LIST = "list"


class License(Identified, Base):
    """One key for one product of one bought unit (K1). The key itself is kept as an HMAC for
    look-up, its first four symbols for people, and an encrypted copy for its owner. `cause` is
    the refund or dispute that ended it, which alone may bring it back to `status_before`.

    It comes of a line of an order, or of what `source_reference` names: a purchase elsewhere, or
    the form by which staff gave it away.
    `variant_id` is the tier it was bought as, which of a bundle's part is the bundle's.
    """

    __tablename__ = "licenses"
    __table_args__ = (
        UniqueConstraint("order_line_id", "product_id", "unit"),
        UniqueConstraint("source", "source_reference", "product_id", "unit"),
        CheckConstraint("source IN ('order', 'tebex', 'staff')", name="source"),
        CheckConstraint(
            "(source = 'order') = (order_line_id IS NOT NULL)"
            " AND (source = 'order') = (source_reference IS NULL)",
            name="one_source",
        ),
        CheckConstraint("address_mode IN ('auto', 'list')", name="address_mode"),
        CheckConstraint("status IN ('active', 'expired', 'suspended', 'revoked')", name="status"),
        CheckConstraint("cause IS NULL OR status IN ('suspended', 'revoked')", name="cause"),
        CheckConstraint("(cause IS NULL) = (status_before IS NULL)", name="status_before"),
        CheckConstraint("slots BETWEEN 1 AND 1000", name="slots"),
        CheckConstraint("unit >= 1", name="unit"),
        Index("ix_licenses_user", "user_id", "id"),
        Index("ix_licenses_cause", "cause", postgresql_where=text("cause IS NOT NULL")),
        Index(
            "ix_licenses_expires",
            "expires_at",
            postgresql_where=text("status = 'active' AND expires_at IS NOT NULL"),
        ),
    )

    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    key_hint: Mapped[str] = mapped_column(String(4))
    key_encrypted: Mapped[str]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    source: Mapped[str] = mapped_column(String(10), server_default=LicenseSource.ORDER)
    source_reference: Mapped[str | None] = mapped_column(String(120))
    order_line_id: Mapped[UUID | None] = mapped_column(ForeignKey("order_items.id"))
    unit: Mapped[int]
    status: Mapped[str] = mapped_column(String(10), default=LicenseStatus.ACTIVE)
    cause: Mapped[str | None] = mapped_column(String(60))
    status_before: Mapped[str | None] = mapped_column(String(10))
    slots: Mapped[int]
    address_mode: Mapped[str] = mapped_column(String(4), server_default=AddressMode.AUTO)
    note: Mapped[str] = mapped_column(String(1000), server_default="")
    rotated_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]

    product: Mapped[Product] = relationship(lazy="raise")
    variant: Mapped[Variant] = relationship(lazy="raise")
    user: Mapped[User] = relationship(lazy="raise")

    @property
    def purchase_reference(self) -> str | None:
        """The purchase elsewhere that it comes of, as people know it; None for all others."""
        return self.source_reference if self.source == LicenseSource.TEBEX else None

    def effective_status(self, now: datetime) -> LicenseStatus:
        """See `effective_status` below."""
        return effective_status(self.status, self.expires_at, now=now)


def effective_status(status: str, expires_at: datetime | None, *, now: datetime) -> LicenseStatus:
    """The status that counts at `now`: an active licence past its end is expired even before any
    job has marked it."""
    if status == LicenseStatus.ACTIVE and expires_at is not None and expires_at <= now:
        return LicenseStatus.EXPIRED
    return LicenseStatus(status)
