"""The form of a version: what was typed, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Response, request

from storefront.catalog import releases
from storefront.catalog.archives import MOST_BYTES, MOST_FORM_BYTES
from storefront.catalog.models import Product, Release
from storefront.catalog.uploads.models import ReleaseUpload
from storefront.errors import DomainError
from storefront.hx import render
from storefront.messages import message_for
from storefront.security import content_security_policy
from storefront.web import shop

# The control a refusal is about; what is not here stands on top of the page.
_FIELDS: Final = {
    "bad_version": "version",
    "version_exists": "version",
    "bad_channel": "channel",
    "changelog_too_long": "changelog_th",
    "reason_missing": "reason",
    "findings_unconfirmed": "confirmed",
}
_MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was typed."""

    version: str = ""
    channel: str = "stable"
    changelog_th: str = ""
    changelog_en: str = ""
    reason: str = ""

    @property
    def words(self) -> releases.ReleaseText:
        """What is said of the version."""
        return releases.ReleaseText(self.channel, self.changelog_th, self.changelog_en)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong, and at which control; `field` is empty for the whole form."""

    field: str
    text: str


def typed_form() -> Typed:
    """What this request brings."""

    def text(name: str) -> str:
        return request.form.get(name, "").replace("\0", "").replace("\r\n", "\n").strip()

    return Typed(
        version=text("version"),
        channel=text("channel"),
        changelog_th=text("changelog_th"),
        changelog_en=text("changelog_en"),
        reason=text("reason"),
    )


def as_typed(row: Release | ReleaseUpload) -> Typed:
    """The form as it would have been typed for what stands there."""
    return Typed(
        version=row.version,
        channel=row.channel,
        changelog_th=row.changelog_th,
        changelog_en=row.changelog_en,
    )


def refusal_of(error: DomainError) -> Refusal:
    """An error at its control."""
    is_archive = error.code.startswith("archive_")
    return Refusal("archive" if is_archive else _FIELDS.get(error.code, ""), message_for(error))


def new_page(
    product: Product, typed: Typed, *, refusal: Refusal | None = None, status: int = 200
) -> Response:
    """The form for a new version. Its script sends the file to the store, so that this page alone
    may speak with it."""
    response = render(
        "admin/releases/new.html",
        status=status,
        product=product,
        typed=typed,
        refusal=refusal,
        channels=releases.CHANNELS,
        most_megabytes=MOST_BYTES // _MEGABYTE,
        most_form_megabytes=MOST_FORM_BYTES // _MEGABYTE,
    )
    response.headers["Content-Security-Policy"] = content_security_policy(
        shop().settings, connect_to=shop().files.parts.origin
    )
    return response
