"""Archives on their way to a draft: sent in parts straight to the store by the page's script, then
watched until the worker has looked into them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    flash,
    jsonify,
    make_response,
    request,
    url_for,
)
from flask_babel import gettext as _

from admin.guards import manage_catalog, wanted_id
from admin.release_form import refusal_of, typed_form
from storefront.catalog import gallery
from storefront.catalog.models import Product
from storefront.catalog.uploads.flow import begin_upload, complete_upload, sign_part
from storefront.catalog.uploads.models import ReleaseUpload, UploadState
from storefront.catalog.uploads.queries import get_upload
from storefront.catalog.uploads.rules import PART_BYTES
from storefront.catalog.uploads.service import abandon_upload
from storefront.errors import Conflict, DomainError
from storefront.hx import is_fragment, render, see_other
from storefront.messages import message_for
from storefront.web import read, shop, visitor

bp = Blueprint("admin_release_uploads", __name__)

# So long after the upload the worker should have looked.
SLOW: Final = timedelta(minutes=5)
_MOST_DIGITS: Final = 12


@bp.post("/admin/products/<product_id>/uploads")
@manage_catalog
def create(product_id: str) -> Response:
    """Begin an upload in parts: where its script goes on, or what is wrong, in JSON."""
    product, typed = _product(product_id), typed_form()
    try:
        upload = begin_upload(
            shop().database,
            shop().files,
            product.id,
            version=typed.version,
            words=typed.words,
            size_bytes=_number("size"),
            actor_id=visitor().id,
            now=shop().clock(),
        )
    except DomainError as error:
        return _refused(error)
    ids: dict[str, Any] = {"product_id": product.id, "upload_id": upload.id}
    begun = jsonify(
        part_bytes=PART_BYTES,
        parts_url=url_for("admin_release_uploads.create_part", **ids),
        completion_url=url_for("admin_release_uploads.complete", **ids),
        abandonment_url=url_for("admin_release_uploads.abandon", **ids),
    )
    return make_response(begun, 201)


@bp.post("/admin/products/<product_id>/uploads/<upload_id>/parts")
@manage_catalog
def create_part(product_id: str, upload_id: str) -> Response:
    """A link for one part, in JSON. Asked again for the same part after it failed."""
    try:
        link = sign_part(
            shop().database,
            shop().files,
            wanted_id(product_id, "product"),
            wanted_id(upload_id, "upload"),
            number=_number("number"),
        )
    except DomainError as error:
        return _refused(error)
    return jsonify(url=link)


@bp.post("/admin/products/<product_id>/uploads/<upload_id>/completion")
@manage_catalog
def complete(product_id: str, upload_id: str) -> Response:
    """All parts are sent: where to look at the check, in JSON."""
    product, wanted = wanted_id(product_id, "product"), wanted_id(upload_id, "upload")
    try:
        complete_upload(shop().database, shop().files, product, wanted, now=shop().clock())
    except DomainError as error:
        return _refused(error)
    there = url_for("admin_release_uploads.show", product_id=product, upload_id=wanted)
    return jsonify(location=there)


@bp.post("/admin/products/<product_id>/uploads/<upload_id>/abandonment")
@manage_catalog
def abandon(product_id: str, upload_id: str) -> Response:
    """Stop an upload or its check."""
    product, wanted = wanted_id(product_id, "product"), wanted_id(upload_id, "upload")
    try:
        with shop().database.transaction() as session:
            abandon_upload(session, product, wanted, actor_id=visitor().id, now=shop().clock())
    except Conflict as late:
        # It is ready or refused already: the page says which.
        flash(message_for(late), "warning")
        return _to(product_id, upload_id)
    flash(_("The upload is stopped. Nothing of it is kept."), "success")
    return see_other(url_for("admin_releases.index", product_id=product))


@bp.get("/admin/products/<product_id>/uploads/<upload_id>")
@manage_catalog
def show(product_id: str, upload_id: str) -> Response:
    """How far an upload is. Asks for itself while something is to come: 204 as long as nothing
    has changed; a finished one leads to its draft."""
    product = _product(product_id)
    upload = get_upload(read(), product.id, wanted_id(upload_id, "upload"))
    if upload.release_id is not None:
        return see_other(
            url_for("admin_releases.show", product_id=product.id, release_id=upload.release_id)
        )
    is_slow = _is_slow(upload)
    seen = f"{upload.state}{'-slow' if is_slow else ''}"
    if is_fragment() and request.args.get("seen") == seen:
        return make_response("", 204)
    return render(
        "admin/release_uploads/show.html",
        partial="admin/release_uploads/_status.html",
        product=product,
        upload=upload,
        seen=seen,
        is_slow=is_slow,
        refusal=message_for(Conflict(upload.refusal)) if upload.refusal else "",
    )


def _product(product_id: str) -> Product:
    return gallery.get_product(read(), wanted_id(product_id, "product"))


def _to(product_id: str, upload_id: str) -> Response:
    return see_other(
        url_for("admin_release_uploads.show", product_id=product_id, upload_id=upload_id)
    )


def _is_slow(upload: ReleaseUpload) -> bool:
    waits = upload.state in (UploadState.UPLOADED, UploadState.CHECKING)
    since = upload.uploaded_at or upload.created_at
    return waits and shop().clock() - since > SLOW


def _number(name: str) -> int:
    """A number of the form; 0, which is none of ours, for anything else."""
    text = request.form.get(name, "")
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else 0


def _refused(error: DomainError) -> Response:
    refusal = refusal_of(error)
    body = jsonify(code=error.code, field=refusal.field, text=refusal.text)
    return make_response(body, error.http_status)
