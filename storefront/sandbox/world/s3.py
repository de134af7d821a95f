"""An S3 server: moto's, behind a guard that checks signatures and keeps a copy on disk.

moto answers anyone and forgets everything; the guard refuses what S3 would refuse and mirrors
each object, so that the files of a demo survive a restart. POST policies are not spoken.
"""

import io
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from werkzeug.test import Client
from werkzeug.wrappers import Response

from storefront.sandbox.world.s3_cors import CorsRule, add_headers, answer_preflight, read_rules
from storefront.sandbox.world.s3_mirror import Mirror, MirroredObject
from storefront.sandbox.world.s3_multipart import Beginnings
from storefront.sandbox.world.s3_signature import Refusal, SignedCall, verify
from storefront.sandbox.world.state import S3_ACCESS_KEY, S3_BUCKET, S3_SECRET_KEY, World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KEPT_HEADERS = ("Content-Type", "Content-Disposition", "Cache-Control", "Content-Encoding")


class S3Server:
    """A WSGI app. Each one has an account of its own in moto, whose state is global."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._account = "".join(secrets.choice("123456789") for _ in range(12))
        self._moto = create_backend_app("s3")
        self._inside = Client(self._moto, Response)
        self._mirror = Mirror(folder)
        self._writing = threading.Lock()
        self._beginnings = Beginnings()
        self._make_bucket(S3_BUCKET)
        for bucket in self._mirror.buckets():
            if bucket != S3_BUCKET:
                self._make_bucket(bucket)
            for stored in self._mirror.objects(bucket):
                self._put_back(bucket, stored)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        body = _read_body(environ)
        raw_path, _, query = str(environ["RAW_URI"]).partition("?")
        call = SignedCall(environ["REQUEST_METHOD"], raw_path, query, _headers(environ), body)
        response = self._answer(call, environ)
        if call.method != "OPTIONS":
            rules = self._cors_rules(call) if "origin" in call.headers else []
            add_headers(response, rules, call.headers, method=call.method)
        return response(environ, start_response)

    def _answer(self, call: SignedCall, environ: "WSGIEnvironment") -> Response:
        try:
            if self._world.s3.down:
                raise Refusal(503, "SlowDown", "Please reduce your request rate.")
            if call.method == "OPTIONS":
                return self._preflight(call)
            verify(
                call,
                access_key=S3_ACCESS_KEY,
                secret_key=S3_SECRET_KEY,
                now=self._world.clock(),
            )
        except Refusal as refusal:
            return _refuse(refusal, call.raw_path)
        environ["wsgi.input"] = io.BytesIO(call.body)
        environ["CONTENT_LENGTH"] = str(len(call.body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._account
        if call.method not in ("PUT", "POST", "DELETE"):
            response = Response.from_app(self._moto, environ, buffered=True)
            if _names(call.query, "uploads"):
                response.set_data(self._beginnings.correct(response.get_data()))
            return response
        # One writer at a time: two writes of one key must reach moto and the disk in one order.
        with self._writing:
            try:
                response = Response.from_app(self._moto, environ, buffered=True)
            except KeyError:
                # What moto does about an upload in parts that was aborted.
                message = "The specified multipart upload does not exist."
                return _refuse(Refusal(404, "NoSuchUpload", message), call.raw_path)
            if response.status_code < 300:
                self._copy_to_disk(call)
        if call.method == "POST" and _names(call.query, "uploads"):
            self._beginnings.note(response.get_data(), self._world.clock())
        return response

    def _preflight(self, call: SignedCall) -> Response:
        answer = answer_preflight(self._cors_rules(call), call.headers)
        if answer is None:
            message = "CORSResponse: This CORS request is not allowed."
            raise Refusal(403, "AccessForbidden", message)
        return answer

    def _cors_rules(self, call: SignedCall) -> list[CorsRule]:
        bucket = unquote(call.raw_path).lstrip("/").partition("/")[0]
        found = self._inside.get(f"/{quote(bucket)}?cors", headers=self._own_headers())
        return read_rules(found.get_data()) if found.status_code == 200 else []

    def _make_bucket(self, bucket: str) -> None:
        self._inside.put(f"/{bucket}", headers=self._own_headers())
        self._forget_owner(bucket)
        self._mirror.add_bucket(bucket)

    def _forget_owner(self, bucket: str) -> None:
        # Bucket names are unique across moto's accounts; forgetting the owner lets every
        # sandbox in one process have a bucket of the same name.
        s3_backends.bucket_accounts.pop(bucket, None)

    def _copy_to_disk(self, call: SignedCall) -> None:
        """Bring the mirror up to date before the answer leaves: what S3 confirmed, it keeps."""
        bucket, _, key = unquote(call.raw_path).lstrip("/").partition("/")
        if key:
            self._copy_object(bucket, key)
        elif call.method == "PUT" and not call.query:
            self._forget_owner(bucket)
            self._mirror.add_bucket(bucket)
        elif call.method == "DELETE" and not call.query:
            self._mirror.remove_bucket(bucket)
        elif call.method == "POST" and call.query.startswith("delete"):
            for name in _deleted_keys(call.body):
                self._copy_object(bucket, name)

    def _copy_object(self, bucket: str, key: str) -> None:
        found = self._inside.get(f"/{quote(bucket)}/{quote(key)}", headers=self._own_headers())
        if found.status_code != 200:
            self._mirror.remove(bucket, key)
            return
        headers = {
            name: value
            for name, value in found.headers.items()
            if name.title() in KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
        }
        self._mirror.write(bucket, MirroredObject(key, headers, found.get_data()))

    def _put_back(self, bucket: str, stored: MirroredObject) -> None:
        self._inside.put(
            f"/{quote(bucket)}/{quote(stored.key)}",
            data=stored.body,
            headers={**stored.headers, **self._own_headers()},
        )

    def _own_headers(self) -> dict[str, str]:
        # moto looks whether an Authorization is there, not what it says.
        return {"x-moto-account-id": self._account, "Authorization": "the sandbox itself"}


def _names(query: str, word: str) -> bool:
    return word in (part.partition("=")[0] for part in query.split("&"))


def _read_body(environ: "WSGIEnvironment") -> bytes:
    if environ.get("wsgi.input_terminated"):
        return bytes(environ["wsgi.input"].read())
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _headers(environ: "WSGIEnvironment") -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = str(environ[name])
    return headers


def _deleted_keys(body: bytes) -> list[str]:
    root = ET.fromstring(body)  # noqa: S314 - our own signed client wrote it; moto parsed it first
    return [node.text or "" for node in root.iter() if node.tag.rpartition("}")[2] == "Key"]


def _refuse(refusal: Refusal, path: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
        f"<Resource>{escape(path)}</Resource><RequestId>SANDBOX</RequestId></Error>"
    )
    return Response(body, refusal.status, content_type="application/xml")
