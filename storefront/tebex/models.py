"""Tables of what was bought at Tebex: packages and their tiers, purchases, ways to claim them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storefront.accounts.models import User
from storefront.catalog.models import Variant
from storefront.db import Base, Identified
from storefront.kit.state import Machine


class PurchaseState(StrEnum):
    """waiting: nobody has claimed it. claimed: somebody has it. ended: refunded, or lost to a bank,
    whether or not it had been claimed."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    ENDED = "ended"


class PurchaseAction(StrEnum):
    """What can happen to a purchase."""

    CLAIM = "claim"
    END = "end"
    WAIT_AGAIN = "wait_again"
    HOLD_AGAIN = "hold_again"


# A dispute that was lost may yet be won on appeal: what ended comes back to where it was.
PURCHASE_MACHINE: Machine[PurchaseState, PurchaseAction] = Machine(
    {
        PurchaseAction.CLAIM: {PurchaseState.WAITING: PurchaseState.CLAIMED},
        PurchaseAction.END: {
            PurchaseState.WAITING: PurchaseState.ENDED,
            PurchaseState.CLAIMED: PurchaseState.ENDED,
        },
        PurchaseAction.WAIT_AGAIN: {PurchaseState.ENDED: PurchaseState.WAITING},
        PurchaseAction.HOLD_AGAIN: {PurchaseState.ENDED: PurchaseState.CLAIMED},
    }
)


class TebexDispute(StrEnum):
    """What became of a chargeback at Tebex; `none` when there never was one."""

    NONE = "none"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class SubscriptionStanding(StrEnum):
    """The newest word about a subscription: it goes on, its end was asked for, or it has ended.
    None of them takes anything away that is paid for."""

    ACTIVE = "active"
    CANCELLING = "cancelling"
    ENDED = "ended"


class TebexPackage(Identified, Base):
    """A package of the seller's Tebex store, and the tier it means here."""

    __tablename__ = "tebex_packages"
    __table_args__ = (Index("ix_tebex_packages_variant", "variant_id"),)

    package_id: Mapped[str] = mapped_column(String(40), unique=True)
    variant_id: Mapped[UUID] = mapped_column(ForeignKey("variants.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    variant: Mapped[Variant] = relationship(lazy="raise")


class TebexPurchase(Identified, Base):
    """One payment at Tebex, by its transaction. Facts come in any order and are kept side by side:
    when it was paid, when refunded, and the latest word about a dispute with its time; `state`
    follows from them. `user_id` is who claimed it; it stays when the purchase ends."""

    __tablename__ = "tebex_purchases"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'claimed', 'ended')", name="state"),
        CheckConstraint("dispute IN ('none', 'open', 'won', 'lost')", name="dispute"),
        CheckConstraint("(dispute = 'none') = (dispute_at IS NULL)", name="dispute_at"),
        CheckConstraint("(user_id IS NULL) = (claimed_at IS NULL)", name="claimed_at"),
        CheckConstraint(
            "state = 'ended' OR (state = 'claimed') = (user_id IS NOT NULL)", name="owner"
        ),
        CheckConstraint("user_id IS NULL OR paid_at IS NOT NULL", name="paid"),
        CheckConstraint(
            "(state = 'ended') = (refunded_at IS NOT NULL OR dispute = 'lost')", name="ended"
        ),
        CheckConstraint("locale IN ('th', 'en')", name="locale"),
        Index("ix_tebex_purchases_user", "user_id"),
        Index("ix_tebex_purchases_email", "email", postgresql_where=text("state = 'waiting'")),
        Index(
            "ix_tebex_purchases_discord", "discord_id", postgresql_where=text("state = 'waiting'")
        ),
        Index("ix_tebex_purchases_subscription", "subscription"),
    )

    transaction_id: Mapped[str] = mapped_column(String(100), unique=True)
    state: Mapped[str] = mapped_column(String(10), default=PurchaseState.WAITING)
    email: Mapped[str | None] = mapped_column(String(254))
    username: Mapped[str] = mapped_column(String(100), server_default="")
    discord_id: Mapped[str | None] = mapped_column(String(32))
    locale: Mapped[str] = mapped_column(String(2))
    price: Mapped[str] = mapped_column(String(40), server_default="")
    subscription: Mapped[str | None] = mapped_column(String(100))
    paid_at: Mapped[datetime | None]
    refunded_at: Mapped[datetime | None]
    dispute: Mapped[str] = mapped_column(String(4), default=TebexDispute.NONE)
    dispute_at: Mapped[datetime | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    claimed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    user: Mapped[User | None] = relationship(lazy="raise")
    renewals: Mapped[list[TebexRenewal]] = relationship(
        lazy="raise", order_by="TebexRenewal.id", viewonly=True
    )
    plan: Mapped[TebexSubscription | None] = relationship(
        primaryjoin="foreign(TebexPurchase.subscription) == TebexSubscription.reference",
        lazy="raise",
        viewonly=True,
    )
    lines: Mapped[list[TebexPurchaseLine]] = relationship(
        lazy="raise", order_by="TebexPurchaseLine.position"
    )


class TebexPurchaseLine(Identified, Base):
    """One package in a purchase. `variant_id` is the tier its keys were made as; None as long as
    none were made. `first_unit` numbers the units through the whole purchase, so that a line whose
    package becomes known later gets the numbers it would have had."""

    __tablename__ = "tebex_purchase_lines"
    __table_args__ = (
        UniqueConstraint("purchase_id", "position"),
        CheckConstraint("quantity BETWEEN 1 AND 1000", name="quantity"),
        CheckConstraint("first_unit >= 1", name="first_unit"),
        Index("ix_tebex_purchase_lines_package", "package_id"),
    )

    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("tebex_purchases.id"))
    position: Mapped[int]
    package_id: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200), server_default="")
    quantity: Mapped[int]
    first_unit: Mapped[int]
    variant_id: Mapped[UUID | None] = mapped_column(ForeignKey("variants.id"))


class TebexSubscription(Identified, Base):
    """A recurring payment at Tebex, by its reference. `standing` is the newest word about it by
    Tebex's clock, `said_at`; None as long as only its payments were heard of. Its row is the lock
    under which it is decided which of its payments makes the keys and which renew them."""

    __tablename__ = "tebex_subscriptions"
    __table_args__ = (
        CheckConstraint("standing IN ('active', 'cancelling', 'ended')", name="standing"),
        CheckConstraint(
            "standing <> 'ended' OR next_payment_at IS NULL", name="nothing_follows_the_end"
        ),
    )

    reference: Mapped[str] = mapped_column(String(100), unique=True)
    standing: Mapped[str] = mapped_column(String(10), default=SubscriptionStanding.ACTIVE)
    said_at: Mapped[datetime | None]
    next_payment_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TebexRenewal(Identified, Base):
    """A later payment of a subscription, by its transaction: more time for the keys that the first
    one made, of the packages it is about. Facts are kept like those of a purchase; what they do to
    licences stands in `license_terms` under the transaction."""

    __tablename__ = "tebex_renewals"
    __table_args__ = (
        CheckConstraint("dispute IN ('none', 'open', 'won', 'lost')", name="dispute"),
        CheckConstraint("(dispute = 'none') = (dispute_at IS NULL)", name="dispute_at"),
        Index("ix_tebex_renewals_purchase", "purchase_id", "id"),
    )

    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("tebex_purchases.id"))
    transaction_id: Mapped[str] = mapped_column(String(100), unique=True)
    packages: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    price: Mapped[str] = mapped_column(String(40), server_default="")
    paid_at: Mapped[datetime | None]
    refunded_at: Mapped[datetime | None]
    dispute: Mapped[str] = mapped_column(String(4), default=TebexDispute.NONE)
    dispute_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TebexClaimLink(Identified, Base):
    """A personal link to one purchase that was mailed to its address. The mail holds the token, the
    table only its SHA-256. It is good until it ends or the purchase is claimed."""

    __tablename__ = "tebex_claim_links"
    __table_args__ = (
        CheckConstraint("expires_at > created_at", name="lifetime"),
        Index("ix_tebex_claim_links_purchase", "purchase_id"),
        Index("ix_tebex_claim_links_expires", "expires_at"),
    )

    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("tebex_purchases.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class TebexClaimMail(Identified, Base):
    """A mail with the claim links of an address is due, or was: one row per address. Its id changes
    with every mail, and names that mail. Whoever asks learns nothing: a row is written whether or
    not anything waits for that address."""

    __tablename__ = "tebex_claim_mails"
    __table_args__ = (
        CheckConstraint("locale IN ('th', 'en')", name="locale"),
        Index("ix_tebex_claim_mails_asked", "asked_at"),
    )

    email: Mapped[str] = mapped_column(String(254), unique=True)
    locale: Mapped[str] = mapped_column(String(2))
    asked_at: Mapped[datetime]
