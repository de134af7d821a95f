"""A task that outlives its lease keeps it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from jobs import outbox as runner
from storefront.bootstrap import Shop
from storefront.outbox import enqueue


@pytest.mark.parametrize(("renewed", "times"), [(True, 1), (False, 2)], ids=["renewed", "control"])
def test_a_slow_task_is_not_started_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, renewed: bool, times: int
) -> None:
    runs: list[str] = []
    began, go_on = threading.Event(), threading.Event()

    def slow(_shop: Shop, _payload: Mapping[str, Any]) -> None:
        runs.append("run")
        began.set()
        if len(runs) == 1:
            assert go_on.wait(20)

    monkeypatch.setattr(runner, "TASKS", {"slow": slow})
    monkeypatch.setattr("storefront.outbox.LEASE", timedelta(milliseconds=400))
    every = timedelta(milliseconds=100) if renewed else timedelta(minutes=1)
    monkeypatch.setattr(runner, "RENEW_EVERY", every)
    with shop.database.transaction() as session:
        message_id = enqueue(session, "slow", {})
    first = threading.Thread(target=runner.sweep_outbox, args=(shop,), kwargs={"overdue": NOW})
    first.start()
    assert began.wait(10)

    # Longer than one lease later, somebody else looks for work that was left lying.
    threading.Event().wait(1.0)
    runner.sweep_outbox(shop, overdue=NOW)
    go_on.set()
    first.join()

    assert message_id is not None
    assert len(runs) == times


NOW = timedelta(0)
