"""The seller's rules for licences that look shared, as staff set them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.errors import Conflict, Invalid
from storefront.licenses.abuse_models import NETWORKS_A_DAY, LicenseRules

RULES_ID: Final = UUID(int=2)
NEVER_SAVED: Final = 0
FEWEST_NETWORKS: Final = 2
MOST_NETWORKS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AbuseRules:
    """What flags a licence, and what suspends it at once."""

    networks_a_day: int = NETWORKS_A_DAY
    suspend_many_networks: bool = False
    suspend_more_live: bool = False


def find_rules(session: Session) -> tuple[AbuseRules, int]:
    """The rules with their revision, 0 before staff saved any."""
    row = session.scalar(select(LicenseRules))
    if row is None:
        return AbuseRules(), NEVER_SAVED
    return _rules_in(row), row.revision


def change_rules(session: Session, rules: AbuseRules, *, revision: int, actor_id: UUID) -> None:
    """Save the rules; `revision` is the one that was looked at. Locks the row; saving what stands
    there changes nothing. Raises Invalid `bad_network_count`, Conflict `edited_elsewhere`."""
    if not FEWEST_NETWORKS <= rules.networks_a_day <= MOST_NETWORKS:
        raise Invalid("bad_network_count", f"{rules.networks_a_day} networks")
    row = session.scalar(select(LicenseRules).with_for_update())
    if (NEVER_SAVED if row is None else row.revision) != revision:
        raise Conflict("edited_elsewhere", "the rules were saved by somebody else")
    before = asdict(AbuseRules() if row is None else _rules_in(row))
    changes = {
        name: [before[name], now] for name, now in asdict(rules).items() if before[name] != now
    }
    if not changes:
        return
    if row is None:
        _insert(session, rules)
    else:
        for name, (_was, value) in changes.items():
            setattr(row, name, value)
        row.revision += 1
    record_audit(
        session,
        actor_id=actor_id,
        action="change_license_rules",
        subject=("license_rules", RULES_ID),
        detail={"changes": changes},
    )


def _rules_in(row: LicenseRules) -> AbuseRules:
    return AbuseRules(
        networks_a_day=row.networks_a_day,
        suspend_many_networks=row.suspend_many_networks,
        suspend_more_live=row.suspend_more_live,
    )


def _insert(session: Session, rules: AbuseRules) -> None:
    first = session.scalar(
        insert(LicenseRules)
        .values(id=1, **asdict(rules))
        .on_conflict_do_nothing()
        .returning(LicenseRules.id)
    )
    if first is None:
        raise Conflict("edited_elsewhere", "two people saved the rules for the first time")
