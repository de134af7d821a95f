"""Which roles somebody should have."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from storefront.discord_roles.models import GrantState, Scope
from storefront.discord_roles.rules import Holding, Rule, plan_changes, wished_roles

THINGS = [UUID(int=number) for number in range(1, 5)]
ROLES = [str(400_000_000_000_000_000 + number) for number in range(4)]
things, roles = st.sampled_from(THINGS), st.sampled_from(ROLES)
rules = st.one_of(
    st.builds(Rule, st.just(Scope.ANY), st.none(), roles),
    st.builds(Rule, st.sampled_from([Scope.PRODUCT, Scope.CATEGORY]), things, roles),
)
holdings = st.builds(Holding, things, st.frozensets(things, max_size=3))
some_roles = st.frozensets(roles)
grants = st.dictionaries(roles, st.sampled_from(GrantState))


@given(st.lists(rules), st.lists(holdings))
def test_a_role_is_wished_exactly_when_a_rule_of_it_fits_a_good_licence(
    rules: list[Rule], holdings: list[Holding]
) -> None:
    wanted = set()
    for rule in rules:
        products = {one.product_id for one in holdings}
        categories = {category for one in holdings for category in one.category_ids}
        if (
            (rule.scope is Scope.ANY and holdings)
            or (rule.scope is Scope.PRODUCT and rule.target in products)
            or (rule.scope is Scope.CATEGORY and rule.target in categories)
        ):
            wanted.add(rule.role_id)

    assert wished_roles(rules, holdings) == wanted


@given(st.lists(rules), st.lists(holdings), holdings)
def test_one_licence_more_never_takes_a_role(
    rules: list[Rule], held: list[Holding], more: Holding
) -> None:
    assert wished_roles(rules, held) <= wished_roles(rules, [*held, more])


@given(st.lists(rules))
def test_without_a_good_licence_there_is_no_role(rules: list[Rule]) -> None:
    assert wished_roles(rules, []) == frozenset()


@given(some_roles, grants, some_roles)
def test_after_the_plan_everybody_has_what_is_wished_and_keeps_what_others_gave(
    wished: frozenset[str], granted: dict[str, GrantState], actual: frozenset[str]
) -> None:
    plan = plan_changes(wished=wished, grants=granted, actual=actual)
    after = (actual | plan.give) - plan.take

    assert wished <= after
    assert plan.take <= granted.keys(), "only what the shop gave is taken"
    assert after - wished == actual - wished - granted.keys(), "what others gave stays"
    assert plan.give.isdisjoint(plan.take)
    again = {role: state for role, state in granted.items() if role not in plan.take}
    again |= dict.fromkeys(plan.give, GrantState.GRANTED)
    settled = plan_changes(wished=wished, grants=again, actual=after)
    assert settled.give == settled.take == frozenset(), "a second time there is nothing to do"
