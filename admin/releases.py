"""The versions of a product: upload, changelog, publishing, taking back."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from admin.guards import manage_catalog, wanted_id
from admin.release_form import Refusal, Typed, as_typed, new_page, refusal_of, typed_form
from admin.release_stake import stake_of
from admin.uploads import allowing
from storefront.accounts.rules import Permission
from storefront.catalog import gallery, releases
from storefront.catalog.archive_findings import from_json
from storefront.catalog.archives import MOST_FORM_BYTES
from storefront.catalog.models import Product, Release
from storefront.catalog.uploads.flow import upload_archive
from storefront.catalog.uploads.queries import find_upload_of, get_upload, list_under_way
from storefront.catalog.uploads.service import confirm_findings
from storefront.errors import DomainError, Invalid
from storefront.hx import render, see_other
from storefront.kit.ids import parse_id
from storefront.web import may, read, shop, visitor

bp = Blueprint("admin_releases", __name__)

bp.url_value_preprocessor(allowing({"admin_releases.create": MOST_FORM_BYTES}))


@bp.get("/admin/products/<product_id>/releases")
@manage_catalog
def index(product_id: str) -> Response:
    """Every version, the highest first."""
    product = _product(product_id)
    return render(
        "admin/releases/index.html",
        product=product,
        releases=releases.list_releases(read(), product.id),
        uploads=list_under_way(read(), product.id, now=shop().clock()),
        state_of=releases.release_state,
    )


@bp.get("/admin/products/<product_id>/releases/new")
@manage_catalog
def new(product_id: str) -> Response:
    """An empty form, or one filled like an upload that came to nothing."""
    product, before = _product(product_id), parse_id(request.args.get("like", ""))
    if before is None:
        return new_page(product, Typed())
    return new_page(product, as_typed(get_upload(read(), product.id, before)))


@bp.post("/admin/products/<product_id>/releases")
@manage_catalog
def create(product_id: str) -> Response:
    """Take an archive in through the web server; the worker makes a draft of it."""
    product, typed = _product(product_id), typed_form()
    archive = request.files.get("archive")
    try:
        if archive is None or not archive.filename:
            raise Invalid("archive_missing")
        upload = upload_archive(
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
        return new_page(product, typed, refusal=refusal_of(refusal), status=refusal.http_status)
    return see_other(
        url_for("admin_release_uploads.show", product_id=product.id, upload_id=upload.id)
    )


@bp.get("/admin/products/<product_id>/releases/<release_id>")
@manage_catalog
def show(product_id: str, release_id: str) -> Response:
    """One version: its file, its changelogs, and what can be done with it."""
    product, release = _release(product_id, release_id)
    return _page(product, release, as_typed(release))


@bp.post("/admin/products/<product_id>/releases/<release_id>/words")
@manage_catalog
def describe(product_id: str, release_id: str) -> Response:
    """Change channel and changelogs."""
    product, release = _release(product_id, release_id)
    typed = typed_form()
    try:
        with shop().database.transaction() as session:
            releases.describe_release(
                session, product.id, release.id, words=typed.words, actor_id=visitor().id
            )
    except Invalid as refusal:
        return _page(product, release, typed, refusal=refusal_of(refusal), status=422)
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


@bp.post("/admin/products/<product_id>/releases/<release_id>/confirmation")
@manage_catalog
def confirm(product_id: str, release_id: str) -> Response:
    """Say that what the check found belongs into this version."""
    product, release = _release(product_id, release_id)
    if request.form.get("confirmed") != "1":
        refusal = refusal_of(Invalid("findings_unconfirmed"))
        return _page(product, release, as_typed(release), refusal=refusal, status=422)
    with shop().database.transaction() as session:
        confirm_findings(session, product.id, release.id, actor_id=visitor().id, now=shop().clock())
    flash(_("Confirmed. The version can be published now."), "success")
    return _to(release)


@bp.post("/admin/products/<product_id>/releases/<release_id>/withdrawal")
@manage_catalog
def yank(product_id: str, release_id: str) -> Response:
    """Take a published version back."""
    product, release = _release(product_id, release_id)
    typed = typed_form()
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
        return _page(product, release, as_typed(release), refusal=refusal_of(refusal), status=422)
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
    refusal = refusal_of(Invalid("archive_form_too_heavy"))
    return new_page(product, Typed(), refusal=refusal, status=413)


def _product(product_id: str) -> Product:
    return gallery.get_product(read(), wanted_id(product_id, "product"))


def _release(product_id: str, release_id: str) -> tuple[Product, Release]:
    product = _product(product_id)
    return product, releases.get_release(read(), product.id, wanted_id(release_id, "release"))


def _to(release: Release) -> Response:
    return see_other(
        url_for("admin_releases.show", product_id=release.product_id, release_id=release.id)
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
    actions = releases.RELEASE_MACHINE.actions_from(state)
    upload = find_upload_of(read(), release.id)
    findings = from_json(upload.findings) if upload else ()
    return render(
        "admin/releases/show.html",
        status=status,
        product=product,
        release=release,
        state=state,
        actions=actions,
        stake=(
            stake_of(read(), release, now=shop().clock())
            if releases.ReleaseAction.YANK in actions
            else None
        ),
        typed=typed,
        refusal=refusal,
        channels=releases.CHANNELS,
        upload=upload,
        findings=findings,
        must_confirm=state is releases.ReleaseState.DRAFT
        and upload is not None
        and upload.confirmed_at is None
        and any(finding.is_warning for finding in findings),
    )
