"""What programs sent each other, fit to be looked at: laid out, without secrets, and without
personal data unless that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "•••"
# They open payments and pages: nobody needs to read them here.
_SECRETS: Final = frozenset({"client_secret", "secret", "token", "password"})
_PERSONAL: Final = frozenset(
    {
        *(
            "first_name",
            "last_name",
            "name",
            "phone",
            "line1",
            "line2",
            "city",
            "postal_code",
            "ip_address",
            "ip",
        ),
        *("bank_account", "account_number", "iban", "fingerprint"),
    }
)
_EMAIL: Final = re.compile(r"([^\s@<>\"']?)[^\s@<>\"']*(@[\w.-]+\.\w+)")


def pretty_json(payload: Any, *, personal: bool = False) -> str:
    """The payload as indented JSON in a steady order. Secrets are blanked always, names, phones and
    addresses unless `personal`; of an e-mail the first letter and the domain stay."""
    shown = _cleaned(payload, "", personal=personal)
    return json.dumps(shown, ensure_ascii=False, indent=2, sort_keys=True)


def compact_json(payload: Any) -> str:
    """The same on one line, without personal data."""
    return json.dumps(_cleaned(payload, "", personal=False), ensure_ascii=False, sort_keys=True)


def masked_emails(text: str) -> str:
    """A text in which e-mail addresses can be told apart but not used."""
    return _EMAIL.sub(rf"\1{MASK}\2", text)


def _cleaned(value: Any, name: str, *, personal: bool) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _cleaned(one, str(key), personal=personal) for key, one in value.items()}
    if isinstance(value, list):
        return [_cleaned(one, name, personal=personal) for one in value]
    if not isinstance(value, str) or not value:
        return value
    if name in _SECRETS or name.endswith("_secret"):
        return MASK
    if personal:
        return value
    return MASK if name in _PERSONAL else masked_emails(value)
