"""Bringing one person's Discord roles to what their licences say.

The intent is written before Discord is asked and the outcome after, one role at a time, by whoever
holds the claim on the person. So a process may die anywhere, jobs may come in any order and any
number of times: the next one compares again, with what Discord says right now.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.db import Database
from storefront.discord_roles.models import GrantState, MemberProblem
from storefront.discord_roles.queries import find_grants, find_holdings, read_rules
from storefront.discord_roles.rules import Plan, plan_changes, wished_roles
from storefront.discord_roles.service import (
    claim_member,
    forget_grant,
    mark_grant,
    note_problem,
    release_claim,
    renew_claim,
)
from storefront.kit.clock import Clock
from storefront.providers.discord_roles import (
    NotAMember,
    RoleKeeper,
    RolesMisconfigured,
    RolesUnavailable,
)

log = structlog.get_logger()


def align_roles(database: Database, keeper: RoleKeeper, user_id: UUID, *, clock: Clock) -> None:
    """Give what is missing and take what the shop gave and is not due any more. Nothing for
    somebody without a Discord account. Idempotent.

    Raises RolesUnavailable while Discord is away or another job has this person, after which it is
    tried again. Where the bot may not, or the person is not on the server, that is written down
    for staff, and the night's sweep looks again.
    """
    with database.reading() as reader:
        user = reader.get(User, user_id)
    if user is None or user.discord_id is None:
        return
    with database.transaction() as session:
        claim = claim_member(session, user_id, now=clock())
    if claim is None:
        raise RolesUnavailable("another job has this person")
    one = _Alignment(database, keeper, user_id, user.discord_id, claim, clock)
    one.run()


class _Alignment:
    def __init__(
        self,
        database: Database,
        keeper: RoleKeeper,
        user_id: UUID,
        discord_id: str,
        claim: int,
        clock: Clock,
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._user_id = user_id
        self._discord_id = discord_id
        self._claim = claim
        self._clock = clock

    def run(self) -> None:
        try:
            problem = self._try()
            with self._database.transaction() as session:
                note_problem(session, self._user_id, self._claim, problem)
        finally:
            with self._database.transaction() as session:
                release_claim(session, self._user_id, self._claim)

    def _try(self) -> MemberProblem | None:
        try:
            self._apply()
        except NotAMember:
            self._forget_all()
            return MemberProblem.NOT_A_MEMBER
        except RolesMisconfigured as error:
            log.warning("discord_roles_misconfigured", reason=error.message)
            return MemberProblem.FORBIDDEN
        return None

    def _apply(self) -> None:
        if not self._is_concerned():
            return
        actual = self._keeper.roles_of(self._discord_id)
        plan = self._plan(actual)
        for role_id in sorted(plan.take):
            self._take(role_id)
        for role_id in sorted(plan.give):
            self._give(role_id)

    def _is_concerned(self) -> bool:
        """Most buyers of a shop without rules have nothing to do with Discord: it is not asked."""
        with self._database.reading() as reader:
            rules = read_rules(reader)
            if find_grants(reader, self._user_id):
                return True
            return bool(
                wished_roles(rules, find_holdings(reader, self._user_id, now=self._clock()))
            )

    def _plan(self, actual: frozenset[str]) -> Plan:
        """Read after Discord's answer, so that nothing that was committed before is missed."""
        with self._database.reading() as reader:
            return plan_changes(
                wished=wished_roles(
                    read_rules(reader), find_holdings(reader, self._user_id, now=self._clock())
                ),
                grants=find_grants(reader, self._user_id),
                actual=actual,
            )

    def _give(self, role_id: str) -> None:
        self._note(role_id, GrantState.GRANTING)
        self._keeper.add_role(self._discord_id, role_id)
        self._note(role_id, GrantState.GRANTED)

    def _take(self, role_id: str) -> None:
        self._note(role_id, GrantState.TAKING)
        self._keeper.remove_role(self._discord_id, role_id)
        with self._database.transaction() as session:
            self._hold(session)
            forget_grant(session, self._user_id, role_id)

    def _note(self, role_id: str, state: GrantState) -> None:
        with self._database.transaction() as session:
            self._hold(session)
            mark_grant(session, self._user_id, role_id, state, now=self._clock())

    def _forget_all(self) -> None:
        """Who left the server left all roles there."""
        with self._database.transaction() as session:
            self._hold(session)
            for role_id in find_grants(session, self._user_id):
                forget_grant(session, self._user_id, role_id)

    def _hold(self, session: Session) -> None:
        if not renew_claim(session, self._user_id, self._claim, now=self._clock()):
            raise RolesUnavailable("another job took this person over")
