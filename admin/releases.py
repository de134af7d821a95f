"""The versions of a product: upload, changelog, publishing, taking back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from admin.guards import manage_catalog, wanted_id
from admin.uploads import allowing
from storefront.accounts.rules import Permission
from storefront.catalog import gallery, releases
from storefront.catalog.archives import MOST_BYTES
from storefront.catalog.flow import upload_release
from storefront.catalog.models import Product, Release
from storefront.errors import DomainError, Invalid
from storefront.hx import render, see_other
from storefront.messages import message_for
from storefront.web import may, read, shop, visitor

bp = Blueprint("admin_releases", __name__)

bp.url_value_preprocessor(allowing({"admin_releases.create": MOST_BYTES}))

# The control a refusal is about; what is not here stands on top of the page.
_FIELDS: Final = {
    "bad_version": "version",
    "version_exists": "version",
    "bad_channel": "channel",
    "changelog_too_long": "changelog_th",
    "reason_missing": "reason",
}


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


@bp.get("/admin/products/<product_id>/releases")
@manage_catalog
def index(product_id: str) -> Response:
    """Every version, the highest first."""
    product = _product(product_id)
    return render(
        "admin/releases/index.html",
        product=product,
        releases=releases.list_releases(read(), product.id),
        state_of=releases.release_state,
    )


@bp.get("/admin/products/<product_id>/releases/new")
@manage_catalog
def new(product_id: str) -> Response:
    """An empty form."""
    return _new_page(_product(product_id), Typed())


@bp.post("/admin/products/<product_id>/releases")
@manage_catalog
def create(product_id: str) -> Response:
    """Take an archive in as a draft."""
    product, typed = _product(product_id), _typed()
    archive = request.files.get("archive")
    try:
        if archive is None or not archive.filename:
            raise Invalid("archive_missing")
        release = upload_release(
            shop().database,
            shop().files,
            product.id,
            version=typed.version,
            words=typed.words,
            body=archive.stream,
            actor_id=visitor().id,
            now=shop().clock(),
        )
    except DomainError as refusal:
        return _new_page(product, typed, refusal=_refusal(refusal), status=refusal.http_status)
    flash(_("Version %(version)s is saved as a draft.", version=release.version), "success")
    return _to(release)


@bp.get("/admin/products/<product_id>/releases/<release_id>")
@manage_catalog
def show(product_id: str, release_id: str) -> Response:
    """One version: its file, its changelogs, and what can be done with it."""
    product, release = _release(product_id, release_id)
    return _page(product, release, _as_typed(release))


@bp.post("/admin/products/<product_id>/releases/<release_id>/words")
@manage_catalog
def describe(product_id: str, release_id: str) -> Response:
    """Change channel and changelogs."""
    product, release = _release(product_id, release_id)
    typed = _typed()
    try:
        with shop().database.transaction() as session:
            releases.describe_release(
                session, product.id, release.id, words=typed.words, actor_id=visitor().id
            )
    except Invalid as refusal:
        return _page(product, release, typed, refusal=_refusal(refusal), status=422)
    flash(_("The changes are saved."), "success")
    return _to(release)


@bp.post("/admin/products/<product_id>/releases/<release_id>/publication")
@manage_catalog
def publish(product_id: str, release_id: str) -> Response:
    """Let owners download a draft."""
    product, release = _release(product_id, release_id)
    with shop().database.transaction() as session:
        releases.publish_release(
            session, product.id, release.id, actor_id=visitor().id, now=shop().clock()
        )
    flash(_("Version %(version)s is published.", version=release.version), "success")
    return _to(release)


@bp.post("/admin/products/<product_id>/releases/<release_id>/withdrawal")
@manage_catalog
def yank(product_id: str, release_id: str) -> Response:
    """Take a published version back."""
    product, release = _release(product_id, release_id)
    typed = _typed()
    try:
        with shop().database.transaction() as session:
            releases.yank_release(
                session,
                product.id,
                release.id,
                reason=typed.reason,
                actor_id=visitor().id,
                now=shop().clock(),
            )
    except Invalid as refusal:
        return _page(product, release, _as_typed(release), refusal=_refusal(refusal), status=422)
    flash(_("Version %(version)s is taken back.", version=release.version), "success")
    return _to(release)


@bp.post("/admin/products/<product_id>/releases/<release_id>/restoration")
@manage_catalog
def restore(product_id: str, release_id: str) -> Response:
    """Publish a version again that was taken back."""
    product, release = _release(product_id, release_id)
    with shop().database.transaction() as session:
        releases.restore_release(session, product.id, release.id, actor_id=visitor().id)
    flash(_("Version %(version)s can be downloaded again.", version=release.version), "success")
    return _to(release)


@bp.post("/admin/products/<product_id>/releases/<release_id>/removal")
@manage_catalog
def remove(product_id: str, release_id: str) -> Response:
    """Throw a draft away."""
    product, release = _release(product_id, release_id)
    with shop().database.transaction() as session:
        releases.remove_draft(
            session, product.id, release.id, actor_id=visitor().id, now=shop().clock()
        )
    flash(_("The draft of %(version)s is deleted.", version=release.version), "success")
    return see_other(url_for("admin_releases.index", product_id=product.id))


@bp.errorhandler(RequestEntityTooLarge)
def refuse_size(_error: RequestEntityTooLarge) -> Response:
    """More than the largest archive. What was typed was never read."""
    if not may(Permission.MANAGE_CATALOG) or request.endpoint != "admin_releases.create":
        return make_response(render_template("errors/413.html", status=413, message=""), 413)
    product = _product((request.view_args or {})["product_id"])
    refusal = _refusal(Invalid("archive_too_heavy"))
    return _new_page(product, Typed(), refusal=refusal, status=413)


def _product(product_id: str) -> Product:
    return gallery.get_product(read(), wanted_id(product_id, "product"))


def _release(product_id: str, release_id: str) -> tuple[Product, Release]:
    product = _product(product_id)
    return product, releases.get_release(read(), product.id, wanted_id(release_id, "release"))


def _to(release: Release) -> Response:
    return see_other(
        url_for("admin_releases.show", product_id=release.product_id, release_id=release.id)
    )


def _typed() -> Typed:
    def text(name: str) -> str:
        return request.form.get(name, "").replace("\0", "").replace("\r\n", "\n").strip()

    return Typed(
        version=text("version"),
        channel=text("channel"),
        changelog_th=text("changelog_th"),
        changelog_en=text("changelog_en"),
        reason=text("reason"),
    )


def _as_typed(release: Release) -> Typed:
    return Typed(
        version=release.version,
        channel=release.channel,
        changelog_th=release.changelog_th,
        changelog_en=release.changelog_en,
    )


def _refusal(error: DomainError) -> Refusal:
    is_archive = error.code.startswith("archive_")
    return Refusal("archive" if is_archive else _FIELDS.get(error.code, ""), message_for(error))


def _new_page(
    product: Product, typed: Typed, *, refusal: Refusal | None = None, status: int = 200
) -> Response:
    return render(
        "admin/releases/new.html",
        status=status,
        product=product,
        typed=typed,
        refusal=refusal,
        channels=releases.CHANNELS,
    )


def _page(
    product: Product,
    release: Release,
    typed: Typed,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    state = releases.release_state(release)
    return render(
        "admin/releases/show.html",
        status=status,
        product=product,
        release=release,
        state=state,
        actions=releases.RELEASE_MACHINE.actions_from(state),
        typed=typed,
        refusal=refusal,
        channels=releases.CHANNELS,
    )
