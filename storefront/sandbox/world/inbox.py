"""The pages and the JSON that show what mail the shop has sent."""

import email
import email.policy
import re
import sqlite3
from dataclasses import asdict, dataclass
from email.message import EmailMessage

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    jsonify,
    make_response,
    render_template,
    request,
)
from markupsafe import Markup, escape

from storefront.sandbox.world.state import World

# A mail's own HTML may carry inline styles and nothing else: no script, no form, no frame.
MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: http://127.0.0.1:*"
    " http://localhost:*; sandbox allow-popups allow-popups-to-escape-sandbox"
)
LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")


@dataclass(frozen=True)
class Mail:
    """`to` holds the recipients of the envelope, joined by a comma; `date` is the mail's own."""

    id: int
    to: str
    sender: str
    subject: str
    date: str
    text: str
    html: str | None
    headers: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, object]:
        shape = asdict(self)
        shape["from"] = shape.pop("sender")
        shape["headers"] = [list(header) for header in self.headers]
        return shape


def register_inbox(app: Flask, world: World) -> None:
    blueprint = Blueprint("inbox", __name__)

    @blueprint.get("/inbox")
    def inbox() -> str:
        to = request.args.get("to", "").strip()
        return render_template("inbox.html", mails=_mails(world, to), to=to)

    @blueprint.get("/inbox.json")
    def inbox_json() -> Response:
        return jsonify([mail.as_json() for mail in _mails(world, request.args.get("to", ""))])

    @blueprint.delete("/inbox.json")
    def clear() -> tuple[str, int]:
        world.store.run("DELETE FROM mails")
        return "", 204

    @blueprint.get("/inbox/<int:mail_id>")
    def one(mail_id: int) -> str:
        mail = _get_mail(world, mail_id)
        return render_template("mail.html", mail=mail, text=_with_links(mail.text))

    @blueprint.get("/inbox/<int:mail_id>/html")
    def html(mail_id: int) -> Response:
        response = make_response(_get_mail(world, mail_id).html or "")
        response.headers["Content-Security-Policy"] = MAIL_CSP
        return response

    app.register_blueprint(blueprint)


def _mails(world: World, to: str) -> list[Mail]:
    """Newest first; `to` is any part of a recipient's address, in any case."""
    rows = world.store.rows(
        "SELECT * FROM mails WHERE instr(lower(recipients), lower(?)) > 0 ORDER BY id DESC", to
    )
    return [_read(row) for row in rows]


def _get_mail(world: World, mail_id: int) -> Mail:
    row = world.store.row("SELECT * FROM mails WHERE id = ?", mail_id)
    if row is None:
        abort(404)
    return _read(row)


def _read(row: sqlite3.Row) -> Mail:
    message = email.message_from_bytes(row["raw"], policy=email.policy.default)
    return Mail(
        id=row["id"],
        to=row["recipients"],
        sender=str(message["from"] or row["sender"]),
        subject=str(message["subject"] or ""),
        date=str(message["date"] or ""),
        text=_part(message, "plain") or "",
        html=_part(message, "html"),
        headers=tuple((name, str(value)) for name, value in message.items()),
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else None


def _with_links(text: str) -> Markup:
    """Escaped text with its web addresses made clickable."""
    pieces, end = [], 0
    for found in LINK.finditer(text):
        pieces.append(escape(text[end : found.start()]))
        pieces.append(Markup('<a href="{0}">{0}</a>').format(found.group()))
        end = found.end()
    pieces.append(escape(text[end:]))
    return Markup("").join(pieces)
