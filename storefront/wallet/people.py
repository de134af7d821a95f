"""Whose wallet it is: what staff search by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.errors import NotFound
from storefront.kit.money import THB, Money
from storefront.ledger.models import WALLETS, AccountKind, LedgerAccount

MOST_FOUND: Final = 50


@dataclass(frozen=True, slots=True)
class WalletOwner:
    """A person and what the ledger holds for them; expired bonus that is not booked out yet is
    in it."""

    id: UUID
    display_name: str
    handle: str
    discord_id: str | None
    email: str | None
    paid: Money
    bonus: Money


def search_wallets(
    session: Session, text: str, *, limit: int = MOST_FOUND
) -> Sequence[WalletOwner]:
    """People by the beginning of their Discord name or e-mail, or by their Discord id; without a
    text those whose wallets hold most. One query."""

    def held(kind: AccountKind) -> ColumnElement[int]:
        return func.coalesce(
            func.sum(LedgerAccount.balance_satang).filter(LedgerAccount.kind == kind), 0
        )

    paid, bonus = held(AccountKind.WALLET_PAID), held(AccountKind.WALLET_BONUS)
    query = (
        select(User, paid.label("paid"), bonus.label("bonus"))
        .outerjoin(
            LedgerAccount,
            (LedgerAccount.user_id == User.id)
            & LedgerAccount.kind.in_(WALLETS)
            & (LedgerAccount.currency == THB),
        )
        # A guest who became a member has nothing of their own any more.
        .where(User.merged_into.is_(None))
        .group_by(User.id)
        .order_by((paid + bonus).desc(), User.id)
        .limit(limit)
    )
    wanted = text.strip()
    if wanted:
        query = query.where(
            or_(
                func.lower(User.username).startswith(wanted.lower().lstrip("@"), autoescape=True),
                func.lower(User.display_name).startswith(wanted.lower(), autoescape=True),
                func.lower(User.email).startswith(wanted.lower(), autoescape=True),
                User.discord_id == wanted,
            )
        )
    else:
        query = query.having(paid + bonus > 0)
    return [
        WalletOwner(
            id=user.id,
            display_name=user.display_name,
            handle=user.handle,
            discord_id=user.discord_id,
            email=user.email,
            paid=Money(int(row_paid)),
            bonus=Money(int(row_bonus)),
        )
        for user, row_paid, row_bonus in session.execute(query)
    ]


def get_owner(session: Session, user_id: UUID) -> User:
    """One person. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user")
    return user
