"""Roles follow licences: given, taken, repaired, whatever fails in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from sqlalchemy import delete, select

from jobs import discord_roles as jobs
from storefront.accounts.models import User
from storefront.bootstrap import Shop
from storefront.catalog.models import Category, Product
from storefront.discord_roles.models import (
    DiscordMember,
    DiscordRoleGrant,
    GrantState,
    MemberProblem,
    Scope,
)
from storefront.discord_roles.service import (
    HELD_FOR,
    RuleDraft,
    RuleRefused,
    change_rule,
    claim_member,
    create_rule,
    remove_rule,
)
from storefront.errors import Conflict
from storefront.guests.adoption import adopt_guest
from storefront.kit.clock import fixed_clock
from storefront.licenses.models import License, LicenseStatus
from storefront.outbox import LEASE, RENEW_EVERY, OutboxMessage
from storefront.providers.discord_roles import LONGEST_CALL_SECONDS, RolesUnavailable
from storefront.sandbox.serve import RunningSandbox
from tests.support.factories import Factory
from tests.support.purchases import own_product

CUSTOMER, FAN, STAFF_GIVEN = "400000000000000001", "400000000000000002", "400000000000000099"
Turn = Callable[..., dict[str, Any]]


@pytest.fixture
def discord(sandbox: RunningSandbox) -> Iterator[Turn]:
    def turn(path: str = "", **knobs: Any) -> dict[str, Any]:
        url = f"{sandbox.url}/control/discord{path}"
        return requests.post(url, json=knobs, timeout=5).json()

    turn("/forget")
    yield turn
    turn(down=False, forbid_roles=False, limit_roles=0, retry_after=0.0, lose_role_answers=0)
    turn("/forget")


@pytest.fixture
def admin(make: Factory) -> User:
    return make.user(role="admin")


@pytest.fixture
def buyer(make: Factory) -> User:
    return make.user()


@pytest.fixture
def rule(shop: Shop, admin: User) -> UUID:
    """Whoever bought anything is a customer."""
    return add_rule(shop, admin, CUSTOMER)


def add_rule(
    shop: Shop, admin: User, role_id: str, scope: Scope = Scope.ANY, target: UUID | None = None
) -> UUID:
    draft = RuleDraft(scope=scope, target_id=target, role_id=role_id, name="")
    with shop.database.transaction() as session:
        return create_rule(session, draft, actor_id=admin.id, now=shop.clock())


def roles_of(sandbox: RunningSandbox, user: User) -> list[str]:
    url = f"{sandbox.url}/control/discord/members/{user.discord_id}"
    return list(requests.get(url, timeout=5).json()["roles"])


def grants_of(shop: Shop, user: User) -> dict[str, str]:
    with shop.database.reading() as session:
        rows = session.scalars(select(DiscordRoleGrant).where(DiscordRoleGrant.user_id == user.id))
        return {one.role_id: one.state for one in rows}


def align(shop: Shop, user: User) -> None:
    jobs.align(shop, {"user_id": str(user.id)})


def run_jobs(shop: Shop) -> int:
    """What the worker would do with what is waiting."""
    with shop.database.transaction() as session:
        rows = session.scalars(
            select(OutboxMessage).where(OutboxMessage.task == "align_discord_roles")
        ).all()
        payloads = [row.payload for row in rows]
        session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_([r.id for r in rows])))
    for payload in payloads:
        jobs.align(shop, payload)
    return len(payloads)


def set_status(shop: Shop, user: User, status: LicenseStatus) -> None:
    with shop.database.transaction() as session:
        for license in session.scalars(select(License).where(License.user_id == user.id)):
            license.status = status


def test_a_purchase_gives_the_role_and_its_end_takes_it(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    own_product(shop, make, buyer, make.product())
    assert run_jobs(shop) >= 1
    assert roles_of(sandbox, buyer) == [CUSTOMER]
    assert grants_of(shop, buyer) == {CUSTOMER: GrantState.GRANTED}

    for status in (LicenseStatus.SUSPENDED, LicenseStatus.REVOKED, LicenseStatus.EXPIRED):
        set_status(shop, buyer, status)
        align(shop, buyer)
        assert roles_of(sandbox, buyer) == [], status
        assert grants_of(shop, buyer) == {}
        set_status(shop, buyer, LicenseStatus.ACTIVE)
        align(shop, buyer)
        assert roles_of(sandbox, buyer) == [CUSTOMER]


def test_product_and_category_have_roles_of_their_own_and_outer_shelves_count(
    shop: Shop, make: Factory, buyer: User, admin: User, discord: Turn, sandbox: RunningSandbox
) -> None:
    outer, inner = make.category(), make.category()
    with shop.database.transaction() as session:
        session.get_one(Category, inner.id).parent_id = outer.id
    product, other = make.product(category_id=inner.id), make.product()
    add_rule(shop, admin, CUSTOMER, Scope.CATEGORY, outer.id)
    add_rule(shop, admin, FAN, Scope.PRODUCT, other.id)

    own_product(shop, make, buyer, product)
    align(shop, buyer)

    assert roles_of(sandbox, buyer) == [CUSTOMER]


def test_what_somebody_else_gave_stays_whatever_becomes_of_the_licence(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    discord(f"/members/{buyer.discord_id}", roles=[STAFF_GIVEN, CUSTOMER])
    own_product(shop, make, buyer, make.product())
    align(shop, buyer)
    set_status(shop, buyer, LicenseStatus.REVOKED)

    align(shop, buyer)

    assert roles_of(sandbox, buyer) == [CUSTOMER, STAFF_GIVEN]
    assert grants_of(shop, buyer) == {}


def test_an_answer_that_was_lost_leaves_no_role_that_nobody_remembers(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    own_product(shop, make, buyer, make.product())
    discord(lose_role_answers=1)
    with pytest.raises(RolesUnavailable):
        align(shop, buyer)
    assert grants_of(shop, buyer) == {CUSTOMER: GrantState.GRANTING}
    assert roles_of(sandbox, buyer) == [CUSTOMER], "it had its effect"

    set_status(shop, buyer, LicenseStatus.REVOKED)
    discord(lose_role_answers=1)
    with pytest.raises(RolesUnavailable):
        align(shop, buyer)
    align(shop, buyer)

    assert roles_of(sandbox, buyer) == []
    assert grants_of(shop, buyer) == {}


def test_while_another_job_has_a_person_the_work_is_put_back(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    own_product(shop, make, buyer, make.product())
    with shop.database.transaction() as session:
        assert claim_member(session, buyer.id, now=shop.clock()) == 1

    with pytest.raises(RolesUnavailable):
        align(shop, buyer)
    assert roles_of(sandbox, buyer) == []

    later = dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(minutes=1)))
    align(later, buyer)
    assert roles_of(sandbox, buyer) == [CUSTOMER]


def test_whom_a_killed_worker_had_is_free_when_its_message_is(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    """Else whoever takes the message over is sent away, and everything else about this person
    waits longer each time."""
    own_product(shop, make, buyer, make.product())
    killed_at = shop.clock()
    with shop.database.transaction() as session:
        assert claim_member(session, buyer.id, now=killed_at) is not None

    taken_over_at = killed_at + LEASE - RENEW_EVERY
    align(dataclasses.replace(shop, clock=fixed_clock(taken_over_at)), buyer)

    assert roles_of(sandbox, buyer) == [CUSTOMER]


def test_a_claim_on_a_person_outlasts_the_longest_call() -> None:
    assert timedelta(seconds=LONGEST_CALL_SECONDS) < HELD_FOR


def test_who_lost_the_claim_gives_nothing_any_more(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    """The other one, which came later, has seen a newer truth."""
    own_product(shop, make, buyer, make.product())

    class Slow:
        def __init__(self, keeper: Any) -> None:
            self.keeper = keeper

        def roles_of(self, discord_id: str) -> frozenset[str]:
            found = self.keeper.roles_of(discord_id)
            with shop.database.transaction() as session:
                later = shop.clock() + timedelta(minutes=1)
                assert claim_member(session, buyer.id, now=later) is not None
            return found

        def add_role(self, discord_id: str, role_id: str) -> None:
            raise AssertionError("it has lost this person")

        remove_role = add_role

    with pytest.raises(RolesUnavailable):
        align(dataclasses.replace(shop, roles=Slow(shop.roles)), buyer)

    assert grants_of(shop, buyer) == {}


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (lambda turn, user: turn(forbid_roles=True), MemberProblem.FORBIDDEN),
        (
            lambda turn, user: turn(f"/members/{user.discord_id}", is_member=False),
            MemberProblem.NOT_A_MEMBER,
        ),
    ],
    ids=["forbidden", "not a member"],
)
def test_what_waiting_does_not_mend_is_written_down_for_staff(
    shop: Shop,
    make: Factory,
    buyer: User,
    rule: UUID,
    discord: Turn,
    sandbox: RunningSandbox,
    trouble: Callable[[Turn, User], object],
    problem: MemberProblem,
) -> None:
    own_product(shop, make, buyer, make.product())
    trouble(discord, buyer)

    align(shop, buyer)

    with shop.database.reading() as session:
        assert session.get_one(DiscordMember, buyer.id).problem == problem
    discord(forbid_roles=False)
    discord(f"/members/{buyer.discord_id}", is_member=True)
    align(shop, buyer)
    with shop.database.reading() as session:
        assert session.get_one(DiscordMember, buyer.id).problem is None
    assert roles_of(sandbox, buyer) == [CUSTOMER]


def test_the_nightly_sweep_gives_again_what_was_taken_by_hand_and_takes_what_ran_out(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    other = make.user()
    for person in (buyer, other):
        own_product(shop, make, person, make.product())
    run_jobs(shop)
    jobs.sweep(shop)
    run_jobs(shop)
    discord(f"/members/{buyer.discord_id}", roles=[])
    with shop.database.transaction() as session:
        for license in session.scalars(select(License).where(License.user_id == other.id)):
            license.expires_at = shop.clock() - timedelta(minutes=1)
    assert jobs.sweep(shop) == 0, "this night they were looked at"

    tomorrow = dataclasses.replace(shop, clock=fixed_clock(shop.clock() + timedelta(days=1)))
    assert jobs.sweep(tomorrow) == 2
    run_jobs(tomorrow)

    assert roles_of(sandbox, buyer) == [CUSTOMER]
    assert roles_of(sandbox, other) == []


def test_a_new_rule_reaches_those_who_bought_before_and_its_end_too(
    shop: Shop, make: Factory, buyer: User, admin: User, discord: Turn, sandbox: RunningSandbox
) -> None:
    own_product(shop, make, buyer, make.product())
    run_jobs(shop)
    assert jobs.sweep(shop) == 0, "without a rule there is nobody to look at"

    rule_id = add_rule(shop, admin, FAN)
    assert jobs.sweep(shop) == 1
    run_jobs(shop)
    assert roles_of(sandbox, buyer) == [FAN]

    with shop.database.transaction() as session:
        remove_rule(session, rule_id, revision=1, actor_id=admin.id, now=shop.clock())
    assert jobs.sweep(shop) == 1
    run_jobs(shop)
    assert roles_of(sandbox, buyer) == []


def test_a_guest_gets_theirs_when_a_member_adopts_them(
    shop: Shop, make: Factory, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    guest, member = make.guest(), make.user()
    own_product(shop, make, guest, make.product())
    run_jobs(shop)
    with shop.database.reading() as session:
        assert session.scalars(select(DiscordMember)).all() == []

    with shop.database.transaction() as session:
        adopt_guest(session, guest.id, member_id=member.id, now=shop.clock())
    run_jobs(shop)

    assert roles_of(sandbox, member) == [CUSTOMER]


def test_a_shop_without_a_bot_leaves_everything_alone(
    shop: Shop, make: Factory, buyer: User, rule: UUID, discord: Turn, sandbox: RunningSandbox
) -> None:
    bare = dataclasses.replace(shop, roles=None)
    own_product(bare, make, buyer, make.product())

    align(bare, buyer)

    assert jobs.sweep(bare) == 0
    assert roles_of(sandbox, buyer) == []


def test_two_rules_alike_are_refused_and_two_who_edit_one_hear_of_it(
    shop: Shop, make: Factory, admin: User, rule: UUID
) -> None:
    product: Product = make.product()
    with pytest.raises(Conflict, match="role_rule_exists"):
        add_rule(shop, admin, CUSTOMER)
    draft = RuleDraft(scope=Scope.PRODUCT, target_id=product.id, role_id=FAN, name="Fan")
    with shop.database.transaction() as session:
        change_rule(session, rule, draft, revision=1, actor_id=admin.id, now=shop.clock())

    def change_late() -> None:
        with shop.database.transaction() as session:
            change_rule(session, rule, draft, revision=1, actor_id=admin.id, now=shop.clock())

    with pytest.raises(Conflict, match="rule"):
        change_late()


@pytest.mark.parametrize("role_id", ["", "12", "a" * 18, "٤" * 18, "1" * 23])
def test_what_is_no_role_is_refused(shop: Shop, admin: User, role_id: str) -> None:
    with pytest.raises(RuleRefused) as refusal:
        add_rule(shop, admin, role_id)
    assert refusal.value.field == "role_id"
