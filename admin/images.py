"""The pictures of a product: upload, order, words, removal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from admin.guards import manage_catalog, wanted_id
from admin.uploads import allowing
from storefront.accounts.rules import Permission
from storefront.catalog import gallery
from storefront.catalog.flow import upload_picture
from storefront.catalog.models import PictureState, Product, ProductImage
from storefront.catalog.pictures import MOST_BYTES
from storefront.errors import DomainError, Invalid
from storefront.hx import is_fragment, render, see_other
from storefront.messages import message_for
from storefront.web import may, read, shop, visitor

bp = Blueprint("admin_images", __name__)

# So long after the upload the worker should have been there.
SLOW: Final = timedelta(minutes=2)
LONGEST_NAME: Final = 60

bp.url_value_preprocessor(allowing({"admin_images.create": gallery.MOST_IMAGES * MOST_BYTES}))


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was not taken in, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Words that were refused, as they were typed."""

    image_id: UUID
    alt_th: str
    alt_en: str
    error: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture on the page. `failure` is a sentence where it failed."""

    image: ProductImage
    is_slow: bool
    is_last: bool
    failure: str


@bp.get("/admin/products/<product_id>/images")
@manage_catalog
def index(product_id: str) -> Response:
    """Every picture in its order, and the form for more."""
    return _page(_product(product_id))


@bp.post("/admin/products/<product_id>/images")
@manage_catalog
def create(product_id: str) -> Response:
    """Take pictures in, each by itself: a bad one keeps no other out."""
    product = _product(product_id)
    uploads = [one for one in request.files.getlist("pictures") if one.filename]
    if not uploads:
        return _page(product, problems=[_problem("", Invalid("picture_missing"))], status=422)
    problems = [problem for one in uploads if (problem := _take_in(product, one))]
    if problems:
        return _page(product, problems=problems, status=422)
    flash(
        ngettext(
            "%(num)d picture was uploaded. Its sizes are being made.",
            "%(num)d pictures were uploaded. Their sizes are being made.",
            len(uploads),
        ),
        "success",
    )
    return see_other(url_for("admin_images.index", product_id=product.id))


@bp.get("/admin/products/<product_id>/images/<image_id>")
@manage_catalog
def show(product_id: str, image_id: str) -> Response:
    """One picture for htmx, which asks until its sizes are made: 204 while nothing has changed."""
    product, wanted = _product(product_id), wanted_id(image_id, "image")
    if not is_fragment():
        return _back(product, wanted)
    tile = next((one for one in _tiles(product) if one.image.id == wanted), None)
    if tile is None:
        # Removed by somebody else: its place on the page closes.
        return make_response("", 200)
    if tile.image.state == PictureState.PROCESSING and not tile.is_slow:
        return make_response("", 204)
    body = render_template("admin/images/_image.html", product=product, tile=tile, typed=None)
    return make_response(body)


@bp.post("/admin/products/<product_id>/images/<image_id>/place")
@manage_catalog
def move(product_id: str, image_id: str) -> Response:
    """Give a picture another place."""
    product, wanted = _product(product_id), wanted_id(image_id, "image")
    place = request.form.get("place", "")
    if not place.isascii() or not place.isdecimal() or len(place) > 3:
        raise Invalid("bad_place")
    with shop().database.transaction() as session:
        gallery.move_image(session, product.id, wanted, to=int(place), actor_id=visitor().id)
    return _back(product, wanted)


@bp.post("/admin/products/<product_id>/images/<image_id>/words")
@manage_catalog
def describe(product_id: str, image_id: str) -> Response:
    """Say what a picture shows."""
    product, wanted = _product(product_id), wanted_id(image_id, "image")
    alt_th, alt_en = _line("alt_th"), _line("alt_en")
    try:
        with shop().database.transaction() as session:
            gallery.describe_image(
                session, product.id, wanted, alt_th=alt_th, alt_en=alt_en, actor_id=visitor().id
            )
    except Invalid as refusal:
        typed = Typed(wanted, alt_th, alt_en, message_for(refusal))
        return _page(product, typed=typed, status=422)
    flash(_("The description is saved."), "success")
    return _back(product, wanted)


@bp.post("/admin/products/<product_id>/images/<image_id>/attempts")
@manage_catalog
def retry(product_id: str, image_id: str) -> Response:
    """Ask the worker again for sizes that do not come."""
    product, wanted = _product(product_id), wanted_id(image_id, "image")
    with shop().database.transaction() as session:
        gallery.retry_image(session, product.id, wanted)
    return _back(product, wanted)


@bp.post("/admin/products/<product_id>/images/<image_id>/removal")
@manage_catalog
def remove(product_id: str, image_id: str) -> Response:
    """Take a picture away."""
    product, wanted = _product(product_id), wanted_id(image_id, "image")
    with shop().database.transaction() as session:
        gallery.remove_image(session, product.id, wanted, actor_id=visitor().id, now=shop().clock())
    flash(_("The picture is removed."), "success")
    return see_other(url_for("admin_images.index", product_id=product.id))


@bp.errorhandler(RequestEntityTooLarge)
def refuse_size(_error: RequestEntityTooLarge) -> Response:
    """More at once than twelve of the largest pictures."""
    refusal = Invalid("pictures_too_heavy")
    if not may(Permission.MANAGE_CATALOG) or request.view_args is None:
        return make_response(render_template("errors/413.html", status=413, message=""), 413)
    product = _product(request.view_args["product_id"])
    return _page(product, problems=[_problem("", refusal)], status=413)


def _product(product_id: str) -> Product:
    return gallery.get_product(read(), wanted_id(product_id, "product"))


def _take_in(product: Product, upload: FileStorage) -> Problem | None:
    body = upload.stream.read(MOST_BYTES + 1)
    try:
        upload_picture(
            shop().database,
            shop().files,
            product.id,
            body=body,
            actor_id=visitor().id,
            now=shop().clock(),
        )
    except DomainError as refusal:
        return _problem(upload.filename or "", refusal)
    return None


def _problem(name: str, refusal: DomainError) -> Problem:
    return Problem(name[:LONGEST_NAME], message_for(refusal))


def _page(
    product: Product,
    *,
    problems: Sequence[Problem] = (),
    typed: Typed | None = None,
    status: int = 200,
) -> Response:
    return render(
        "admin/images/index.html",
        status=status,
        product=product,
        tiles=_tiles(product),
        most=gallery.MOST_IMAGES,
        problems=problems,
        typed=typed,
    )


def _tiles(product: Product) -> list[Tile]:
    images = gallery.list_images(read(), product.id)
    now = shop().clock()
    return [
        Tile(
            image=image,
            is_slow=image.created_at < now - SLOW,
            is_last=image is images[-1],
            failure=message_for(Invalid(image.failure)) if image.failure else "",
        )
        for image in images
    ]


def _back(product: Product, image_id: UUID) -> Response:
    anchor = f"image-{image_id}"
    return see_other(url_for("admin_images.index", product_id=product.id, _anchor=anchor))


def _line(name: str) -> str:
    return " ".join(request.form.get(name, "").replace("\0", "").split())
