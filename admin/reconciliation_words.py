"""Differences in words: what each check means, what likely happened, what to do next, and where
the things behind it are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import url_for
from flask_babel import gettext as _

from admin.reconciliation_texts import CHECKS, UNKNOWN, CheckText
from storefront.language import money_text
from storefront.reconciliation.checks import GATEWAY
from storefront.reconciliation.models import RunState, RunStep
from storefront.reconciliation.queries import DifferenceRow, RunRow

# What is compared with the gateway has two sides; what is compared with itself has a right one.
_TWO_SIDED: Final = frozenset(code for check in GATEWAY for code in check.codes)


@dataclass(frozen=True, slots=True)
class ShownDifference:
    """One difference as staff read it."""

    row: DifferenceRow
    text: CheckText
    subject: str
    expected_label: str
    expected: str
    actual_label: str
    actual: str
    links: tuple[tuple[str, str], ...]


def in_words(row: DifferenceRow) -> ShownDifference:
    """A difference in the reader's language, with links to what can be looked at."""
    is_two_sided = row.code in _TWO_SIDED
    return ShownDifference(
        row=row,
        text=CHECKS.get(row.code, UNKNOWN),
        subject=_subject(row),
        expected_label=_("Our books") if is_two_sided else _("Should be"),
        expected=money_text(row.expected) if row.expected is not None else _("nothing"),
        actual_label=_("Stripe") if is_two_sided else _("Is"),
        actual=money_text(row.actual) if row.actual is not None else _("nothing"),
        links=tuple(_links(row.detail)),
    )


def state_name(run: RunRow) -> str:
    """How a run stands or ended."""
    names: Mapping[RunState, str] = {
        RunState.RUNNING: _("Waiting for Stripe") if run.retry_at else _("Running"),
        RunState.CLEAN: _("Everything agrees"),
        RunState.DIFFERENCES: _("Differences"),
        RunState.FAILED: _("Failed"),
    }
    return names[run.state]


def step_names() -> list[str]:
    """What a run does, in its order."""
    names: Mapping[RunStep, str] = {
        RunStep.BOOKS: _("Our books"),
        RunStep.FETCH: _("Copying from Stripe"),
        RunStep.FEES: _("Fees"),
        RunStep.GATEWAY: _("Comparing"),
        RunStep.CLOSE: _("Result"),
    }
    return [names[step] for step in RunStep]


def step_number(run: RunRow) -> int:
    """Which of them it is at, from 1."""
    return list(RunStep).index(run.step) + 1


def line_name(name: str) -> str:
    """A line of the balances."""
    names: Mapping[str, str] = {
        "charges": _("Payments"),
        "refunds": _("Refunds"),
        "disputes": _("Disputes, with their fees"),
        "fees": _("Other fees"),
        "other": _("Anything else"),
    }
    return names.get(name, name)


def _subject(row: DifferenceRow) -> str:
    reference = row.detail.get("reference") or row.detail.get("gateway_id")
    return str(reference or row.subject_id)


def _links(detail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for text, endpoint, argument, key in (
        (_("The order"), "admin_orders.show", "order_id", "order_id"),
        (_("The payment"), "admin_payments.show", "payment_id", "payment_id"),
        (_("The posting"), "admin_ledger.show", "posting_id", "posting_id"),
        (_("The wallet"), "admin_wallets.show", "user_id", "user_id"),
    ):
        if detail.get(key):
            yield text, url_for(endpoint, **{argument: detail[key]})
