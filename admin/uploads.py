"""Routes that take more than a form: how much, and from whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import request

from storefront.accounts.rules import Permission
from storefront.web import may

# The other fields of the form and what stands between its parts.
_ROOM = 256 * 1024

Preprocessor = Callable[[str | None, dict[str, Any] | None], None]


def allowing(
    limits: Mapping[str, int], *, permission: Permission = Permission.MANAGE_CATALOG
) -> Preprocessor:
    """For `url_value_preprocessor`: these endpoints take so many bytes of files from people with
    this right, mostly those who manage the catalogue. Strangers keep the small limit of every form.

    It has to be known before the CSRF check, which reads the form and comes before the view.
    """

    def allow(endpoint: str | None, _values: dict[str, Any] | None) -> None:
        limit = limits.get(endpoint or "")
        if limit is not None and request.method == "POST" and may(permission):
            request.max_content_length = limit + _ROOM

    return allow
