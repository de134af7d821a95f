"""Errors in the shop's own words. A kind maps once to HTTP; codes are stable and translated."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What sort of failure it is, independent of the face that shows it."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


HTTP_STATUS: dict[Kind, int] = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}


class DomainError(Exception):
    """An expected failure. `code` is stable for programs and tests, `message` is English for logs;
    people see the translation of the code (see `storefront.messages`)."""

    def __init__(self, code: str, kind: Kind, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code
        self.kind = kind
        self.message = message or code

    @property
    def http_status(self) -> int:
        """The one HTTP status of this kind."""
        return HTTP_STATUS[self.kind]


class NotFound(DomainError):
    """The thing does not exist, or is not this person's to know about."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}_not_found", Kind.NOT_FOUND, f"no such {what}")


class Conflict(DomainError):
    """The state of things does not allow it (any more)."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, Kind.CONFLICT, message)


class Invalid(DomainError):
    """What was asked makes no sense."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, Kind.INVALID, message)


class Unavailable(DomainError):
    """An outside service is away; nothing is lost, try again later."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, Kind.UNAVAILABLE, message)
