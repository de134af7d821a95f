"""Changes of rules by staff, and of what was given to one person under a claim."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storefront.accounts.service import record_audit
from storefront.catalog.models import Category, Product
from storefront.discord_roles.models import (
    DiscordMember,
    DiscordRoleGrant,
    DiscordRoleRule,
    GrantState,
    MemberProblem,
    Scope,
)
from storefront.errors import Conflict, Invalid, NotFound
from storefront.kit.ids import new_id
from storefront.outbox import CLAIM

MOST_RULES: Final = 200
LONGEST_NAME: Final = 80
# Longer than one call of Discord can take; renewed before each.
HELD_FOR: Final = CLAIM
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(7307121)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as staff wrote it; `target_id` is the product or category."""

    scope: Scope
    target_id: UUID | None
    role_id: str
    name: str


class RuleRefused(Invalid):
    """A rule that makes no sense; `field` is where to look."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code, f"{code} at {field}")
        self.field = field


def create_rule(session: Session, draft: RuleDraft, *, actor_id: UUID, now: datetime) -> UUID:
    """Add a rule; who it concerns gets the role within minutes. Returns its id. Raises
    RuleRefused, Conflict `role_rule_exists` or `too_many_role_rules`."""
    _check(session, draft)
    session.execute(_ONE_AT_A_TIME)
    open_rules = session.scalars(
        select(DiscordRoleRule.id).where(DiscordRoleRule.removed_at.is_(None))
    ).all()
    if len(open_rules) >= MOST_RULES:
        raise Conflict("too_many_role_rules")
    rule = DiscordRoleRule(id=new_id(), changed_at=now, **_values(draft))
    session.add(rule)
    _flush(session)
    _record(session, "create_role_rule", rule.id, {"after": _words(draft)}, actor_id=actor_id)
    return rule.id


def change_rule(
    session: Session,
    rule_id: UUID,
    draft: RuleDraft,
    *,
    revision: int,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Change a rule. Locks its row. Raises NotFound `role_rule`, RuleRefused, Conflict
    `edited_elsewhere` or `role_rule_exists`."""
    _check(session, draft)
    rule = _lock(session, rule_id, revision=revision)
    before = {"scope": rule.scope, "role_id": rule.role_id, "label": rule.name}
    for name, value in _values(draft).items():
        setattr(rule, name, value)
    rule.revision += 1
    rule.changed_at = now
    _flush(session)
    detail = {"before": before, "after": _words(draft)}
    _record(session, "change_role_rule", rule_id, detail, actor_id=actor_id)


def remove_rule(
    session: Session, rule_id: UUID, *, revision: int, actor_id: UUID, now: datetime
) -> None:
    """End a rule; who has the role by it alone loses it within minutes. Raises NotFound
    `role_rule`, Conflict `edited_elsewhere`."""
    rule = _lock(session, rule_id, revision=revision)
    rule.removed_at = rule.changed_at = now
    rule.revision += 1
    detail = {"role_id": rule.role_id, "label": rule.name}
    _record(session, "remove_role_rule", rule_id, detail, actor_id=actor_id)


def claim_member(session: Session, user_id: UUID, *, now: datetime) -> int | None:
    """Be the one who changes somebody's roles; None while another is. The number fences: whoever
    loses the claim changes nothing any more. Of many at once one gets it."""
    session.execute(
        insert(DiscordMember)
        .values(user_id=user_id, claim=0)
        .on_conflict_do_nothing(index_elements=["user_id"])
    )
    return session.scalar(
        update(DiscordMember)
        .where(
            DiscordMember.user_id == user_id,
            DiscordMember.claimed_until.is_(None) | (DiscordMember.claimed_until <= now),
        )
        .values(claim=DiscordMember.claim + 1, claimed_until=now + HELD_FOR)
        .returning(DiscordMember.claim)
        .execution_options(synchronize_session=False)
    )


def renew_claim(session: Session, user_id: UUID, claim: int, *, now: datetime) -> bool:
    """Hold on before the next call; False when it was lost."""
    held = session.scalar(
        update(DiscordMember)
        .where(DiscordMember.user_id == user_id, DiscordMember.claim == claim)
        .values(claimed_until=now + HELD_FOR)
        .returning(DiscordMember.claim)
        .execution_options(synchronize_session=False)
    )
    return held is not None


def release_claim(session: Session, user_id: UUID, claim: int) -> None:
    """Let others have it."""
    session.execute(
        update(DiscordMember)
        .where(DiscordMember.user_id == user_id, DiscordMember.claim == claim)
        .values(claimed_until=None)
        .execution_options(synchronize_session=False)
    )


def note_problem(
    session: Session, user_id: UUID, claim: int, problem: MemberProblem | None
) -> None:
    """What was in the way, or nothing any more; under the claim."""
    session.execute(
        update(DiscordMember)
        .where(DiscordMember.user_id == user_id, DiscordMember.claim == claim)
        .values(problem=problem)
        .execution_options(synchronize_session=False)
    )


def mark_planned(session: Session, user_id: UUID, *, now: datetime) -> None:
    """The sweep will look at this person: not again before its next round."""
    session.execute(
        insert(DiscordMember)
        .values(user_id=user_id, claim=0, planned_at=now)
        .on_conflict_do_update(index_elements=["user_id"], set_={"planned_at": now})
    )


def mark_grant(
    session: Session, user_id: UUID, role_id: str, state: GrantState, *, now: datetime
) -> None:
    """Write down what is about to be done, or was done; under the claim."""
    session.execute(
        insert(DiscordRoleGrant)
        .values(user_id=user_id, role_id=role_id, state=state, changed_at=now)
        .on_conflict_do_update(
            index_elements=["user_id", "role_id"], set_={"state": state, "changed_at": now}
        )
    )


def forget_grant(session: Session, user_id: UUID, role_id: str) -> None:
    """It is gone at Discord; under the claim."""
    session.execute(
        delete(DiscordRoleGrant).where(
            DiscordRoleGrant.user_id == user_id, DiscordRoleGrant.role_id == role_id
        )
    )


def _check(session: Session, draft: RuleDraft) -> None:
    if not (draft.role_id.isascii() and draft.role_id.isdecimal() and _fits(draft.role_id)):
        raise RuleRefused("bad_role_id", "role_id")
    if len(draft.name) > LONGEST_NAME:
        raise RuleRefused("role_name_too_long", "name")
    if draft.scope is Scope.ANY:
        return
    model = Category if draft.scope is Scope.CATEGORY else Product
    known = draft.target_id is not None and session.scalar(
        select(exists().where(model.id == draft.target_id))
    )
    if not known:
        raise RuleRefused("role_target_missing", draft.scope)


def _fits(role_id: str) -> bool:
    return 15 <= len(role_id) <= 22


def _values(draft: RuleDraft) -> dict[str, Any]:
    return {
        "scope": draft.scope,
        "category_id": draft.target_id if draft.scope is Scope.CATEGORY else None,
        "product_id": draft.target_id if draft.scope is Scope.PRODUCT else None,
        "role_id": draft.role_id,
        "name": draft.name,
    }


def _words(draft: RuleDraft) -> dict[str, Any]:
    return {"scope": draft.scope, "role_id": draft.role_id, "label": draft.name}


def _lock(session: Session, rule_id: UUID, *, revision: int) -> DiscordRoleRule:
    rule = session.scalar(
        select(DiscordRoleRule)
        .where(DiscordRoleRule.id == rule_id, DiscordRoleRule.removed_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if rule is None:
        raise NotFound("role_rule")
    if rule.revision != revision:
        raise Conflict("edited_elsewhere", f"rule {rule_id} is at {rule.revision}")
    return rule


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if "uq_discord_role_rules_open" in str(error.orig):
            raise Conflict("role_rule_exists") from error
        raise


def _record(
    session: Session, action: str, rule_id: UUID, detail: dict[str, Any], *, actor_id: UUID
) -> None:
    record_audit(
        session, actor_id=actor_id, action=action, subject=("role_rule", rule_id), detail=detail
    )
