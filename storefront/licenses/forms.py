"""What owners type on the pages of their licences."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

from flask import request

from storefront.errors import DomainError, Invalid
from storefront.licenses.usage_models import Address, Network
from storefront.messages import message_for

LONGEST: Final = 300


def typed(name: str) -> str:
    """What stands in a field of the form that was sent, cut at a sane length."""
    return request.form.get(name, "").strip()[:LONGEST]


def sent_network(text: str) -> Network | None:
    """A network as our own page named it; None for nothing. Raises Invalid `bad_address`."""
    if not text:
        return None
    try:
        return ip_network(text)
    except ValueError as error:
        raise Invalid("bad_address") from error


def sent_address(text: str) -> Address:
    """An address of a server as our own page named it. Raises Invalid `bad_address`."""
    try:
        return ip_address(text)
    except ValueError as error:
        raise Invalid("bad_address") from error


def error_text(error: DomainError) -> str:
    """The sentence for a refusal, for the field or the toast that shows it."""
    return message_for(error)
