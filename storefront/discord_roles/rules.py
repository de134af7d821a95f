"""Which roles somebody should have, and what to do about it: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from storefront.discord_roles.models import GrantState, Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """A role for whoever has a good licence of `target`; of anything at all when the scope is
    `any`."""

    scope: Scope
    target: UUID | None
    role_id: str


@dataclass(frozen=True, slots=True)
class Holding:
    """A good licence: its product, and every category that product stands in, the outer ones
    too."""

    product_id: UUID
    category_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask of Discord, role by role."""

    give: frozenset[str]
    take: frozenset[str]


def wished_roles(rules: Iterable[Rule], holdings: Collection[Holding]) -> frozenset[str]:
    """The roles of somebody with these good licences."""
    return frozenset(
        rule.role_id for rule in rules if any(_fits(rule, holding) for holding in holdings)
    )


def plan_changes(
    *, wished: Collection[str], grants: Mapping[str, GrantState], actual: Collection[str]
) -> Plan:
    """What is missing is given, also when it was given before and taken by somebody else. Taken is
    what the shop gave and is not wished any more; a role that came from elsewhere stays, wished or
    not."""
    return Plan(
        give=frozenset(role for role in wished if role not in actual),
        take=frozenset(role for role in grants if role not in wished),
    )


def _fits(rule: Rule, holding: Holding) -> bool:
    match rule.scope:
        case Scope.ANY:
            return True
        case Scope.PRODUCT:
            return rule.target == holding.product_id
        case Scope.CATEGORY:
            return rule.target in holding.category_ids
