"""What postings are about: an order or a top-up with all that its payments, refunds and disputes
caused, a payment, or a person."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, cast, literal, null, or_, select, union_all
from sqlalchemy import String as Text
from sqlalchemy.orm import Session

from storefront.accounts.models import User
from storefront.disputes.models import Dispute
from storefront.kit.ids import parse_id
from storefront.kit.money import Money
from storefront.ledger.models import LedgerPosting
from storefront.ledger.queries import PostingFilter
from storefront.orders.models import Order
from storefront.payments.models import Payment
from storefront.refunds.models import Refund
from storefront.wallet.models import TopUp

# Discord ids are longer.
_ORDER_NUMBER: Final = re.compile(r"(?:QR-?)?(\d{1,14})", re.IGNORECASE)


class SubjectKind(StrEnum):
    """What sort of thing a subject is."""

    ORDER = "order"
    TOPUP = "topup"
    PAYMENT = "payment"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing with a name: an order by its number, a person by their handle; top-ups and
    payments are told by their amounts."""

    kind: SubjectKind
    id: UUID
    name: str
    amount: Money | None


@dataclass(frozen=True, slots=True)
class About:
    """Which postings are meant, and the one thing they are all about, if it is one."""

    postings: PostingFilter
    subject: Subject | None = None


def name_subjects(session: Session, ids: Collection[UUID | None]) -> Mapping[UUID, Subject]:
    """Those of these ids that are known things, by id; one query."""
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    rows = session.execute(union_all(*(query for query in _names(wanted))))
    return {row.id: _subject(row) for row in rows}


def about_subject(session: Session, subject_id: UUID) -> About:
    """Everything about one thing, in 4 queries. A thing nobody knows by that id may still be what
    a posting is about: a lot, an adjustment."""
    subject = name_subjects(session, [subject_id]).get(subject_id)
    if subject is not None and subject.kind is SubjectKind.PERSON:
        return About(PostingFilter(owner_id=subject_id), subject)
    payments = session.execute(
        select(Payment.id, Payment.gateway_payment_id).where(
            or_(Payment.id == subject_id, Payment.subject_id == subject_id)
        )
    ).all()
    references = causes_of(
        session,
        payment_ids=[row.id for row in payments],
        gateway_payment_ids=[row.gateway_payment_id for row in payments],
        order_id=subject_id,
    )
    subjects = {subject_id, *(row.id for row in payments)}
    return About(PostingFilter(subjects=subjects, references=references), subject)


def causes_of(
    session: Session,
    *,
    payment_ids: Sequence[UUID],
    gateway_payment_ids: Sequence[str | None],
    order_id: UUID | None = None,
) -> set[str]:
    """The references under which payments, their refunds and disputes, and refunds of an order are
    booked; 2 queries."""
    of_these: list[ColumnElement[bool]] = [Refund.payment_id.in_(payment_ids)]
    # Compared with nothing it would become IS NULL and find every refund of a top-up.
    if order_id is not None:
        of_these.append(Refund.order_id == order_id)
    refunds = session.scalars(select(Refund.id).where(or_(*of_these)))
    disputes = session.scalars(
        select(Dispute.gateway_dispute_id).where(Dispute.payment_id.in_(payment_ids))
    )
    return {
        *(one for one in gateway_payment_ids if one is not None),
        *(f"refund:{one}" for one in refunds),
        *disputes,
    }


def find_about(session: Session, text: str) -> About | None:
    """What somebody means who types this: an order number, an id, a reference or the gateway's id
    of a payment or refund, else a person. None for an order number that does not exist."""
    subject_id = parse_id(text)
    number = _ORDER_NUMBER.fullmatch(text)
    if number is not None:
        subject_id = session.scalar(select(Order.id).where(Order.number == int(number[1])))
        if subject_id is None:
            return None
    if subject_id is not None:
        return about_subject(session, subject_id)
    references = _references_like(session, text)
    return About(PostingFilter(references=references) if references else PostingFilter(person=text))


def _references_like(session: Session, text: str) -> set[str]:
    """The text itself if something is booked under it, or what its thing is booked under: sessions
    and refunds have ids of the gateway's that no posting carries."""
    booked = session.scalars(select(LedgerPosting.reference).where(LedgerPosting.reference == text))
    refunds = session.scalars(select(Refund.id).where(Refund.gateway_refund_id == text))
    payments = session.scalars(
        select(Payment.gateway_payment_id).where(Payment.gateway_session_id == text)
    )
    return {*booked, *(f"refund:{one}" for one in refunds), *(one for one in payments if one)}


def _names(ids: Collection[UUID]) -> tuple[Select[*tuple[Any, ...]], ...]:
    number = "QR-" + cast(Order.number, Text)
    no_name, no_amount = cast(null(), Text), cast(null(), Order.total_satang.type)

    def query(kind: SubjectKind, model: Any, name: Any, amount: Any) -> Select[*tuple[Any, ...]]:
        return select(
            literal(kind.value).label("kind"),
            model.id.label("id"),
            name.label("name"),
            amount.label("satang"),
        ).where(model.id.in_(ids))

    return (
        query(SubjectKind.ORDER, Order, number, Order.total_satang),
        query(SubjectKind.TOPUP, TopUp, no_name, TopUp.amount_satang),
        query(SubjectKind.PAYMENT, Payment, no_name, Payment.amount_satang),
        query(SubjectKind.PERSON, User, User.handle, no_amount),
    )


def _subject(row: Any) -> Subject:
    return Subject(
        kind=SubjectKind(row.kind),
        id=row.id,
        name=row.name or "",
        amount=None if row.satang is None else Money(row.satang),
    )
