"""Running outbox messages: by the bell, or by the sweep when the bell was not heard."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from jobs.tasks import TASKS
from storefront.bootstrap import Shop, boot
from storefront.config import Settings
from storefront.errors import DomainError
from storefront.outbox import (
    RENEW_EVERY,
    Claim,
    bury_exhausted,
    claim_message,
    claim_next,
    fail_message,
    finish_message,
    renew_lease,
)

log = structlog.get_logger()

# A message this old was not taken by a worker: the bell is broken, or its worker was killed.
OVERDUE = timedelta(seconds=5)
SWEEP_BATCH = 200


@functools.cache
def worker_shop() -> Shop:
    """The shop of this worker process."""
    return boot(Settings.from_env(), pool_size=2)


def run_message(message_id: str) -> None:
    """What RQ calls: run one message if it is due and free. Safe to call any number of times."""
    shop = worker_shop()
    with shop.database.transaction() as session:
        claim = claim_message(session, UUID(message_id))
    if claim is not None:
        _run(shop, claim)


def sweep_outbox(shop: Shop, *, overdue: timedelta = OVERDUE, batch: int = SWEEP_BATCH) -> int:
    """Run what is due and was left lying, without the bell; returns how many were run."""
    with shop.database.transaction() as session:
        if buried := bury_exhausted(session):
            log.error("tasks_given_up", count=buried)
    for done in range(batch):
        with shop.database.transaction() as session:
            claim = claim_next(session, overdue=overdue)
        if claim is None:
            return done
        _run(shop, claim)
    return batch


@contextmanager
def _kept_lease(shop: Shop, claim: Claim) -> Iterator[None]:
    """Renew the lease while a slow provider keeps the task waiting, so that nobody else starts
    it; a killed process stops renewing, and the message is free one lease later."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(RENEW_EVERY.total_seconds()):
            try:
                with shop.database.transaction() as session:
                    if not renew_lease(session, claim):
                        return
            except SQLAlchemyError as error:
                # Without the database there is nobody to take the message over either.
                log.warning("lease_not_renewed", error=type(error).__name__)

    keeper = threading.Thread(target=renew, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _run(shop: Shop, claim: Claim) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(message=str(claim.id), task=claim.task)
    try:
        with _kept_lease(shop, claim):
            TASKS[claim.task](shop, claim.payload)
    except Exception as error:
        # Whatever it is, the message goes back with its reason; nothing is swallowed.
        log.warning(
            "task_failed", attempt=claim.attempt, exc_info=not isinstance(error, DomainError)
        )
        with shop.database.transaction() as session:
            fail_message(session, claim, f"{type(error).__name__}: {error}")
        return
    with shop.database.transaction() as session:
        finish_message(session, claim)
    log.info("task_done", attempt=claim.attempt)
