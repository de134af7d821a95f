"""What the shop asks of a file store, and the adapter over any S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storefront.db import forbid_open_transaction
from storefront.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONGEST_LINK = timedelta(minutes=15)

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A small file read whole."""

    body: bytes
    content_type: str
    etag: str


class FilesUnavailable(Unavailable):
    """The file store does not answer."""

    def __init__(self, message: str) -> None:
        super().__init__("files_unavailable", message)


class FileStore(Protocol):
    """A private bucket."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Store a file; the same key again replaces it. Raises FilesUnavailable."""
        ...

    def put_stream(self, key: str, body: IO[bytes], *, content_type: str) -> None:
        """Store a large file from its beginning without holding it in memory. The body must be
        seekable. Raises FilesUnavailable."""
        ...

    def delete(self, key: str) -> None:
        """Make the file not be there; it need not have been. Raises FilesUnavailable."""
        ...

    def read(self, key: str) -> StoredFile:
        """Read a small file. Raises NotFound or FilesUnavailable."""
        ...

    def fetch(self, key: str, into: IO[bytes], *, most_bytes: int) -> int:
        """Copy a large file into another without holding it in memory; how many bytes it has.
        Raises NotFound, Invalid `file_too_heavy` past `most_bytes`, FilesUnavailable."""
        ...

    def has(self, key: str) -> bool:
        """Whether the file is there. Raises FilesUnavailable."""
        ...

    def signed_link(self, key: str, *, file_name: str, lifetime: timedelta) -> str:
        """A link that downloads the file under `file_name` for at most 15 minutes.

        Raises ValueError for a longer lifetime.
        """
        ...


class S3Files:
    """Any S3 with SigV4: AWS, Cloudflare R2, MinIO."""

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        access_key_id: str,
        secret_access_key: str,
        endpoint_url: str | None,
    ) -> None:
        self._bucket = bucket
        self._client: S3Client = boto3.client(
            "s3",
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            endpoint_url=endpoint_url,
            config=Config(
                signature_version="s3v4",
                connect_timeout=3,
                read_timeout=10,
                retries={"total_max_attempts": 2},
                s3={"addressing_style": "path"},
            ),
        )

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """See FileStore."""
        with self._translated_errors(key):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )

    def put_stream(self, key: str, body: IO[bytes], *, content_type: str) -> None:
        """See FileStore. One request, so that half a file is never stored."""
        body.seek(0)
        with self._translated_errors(key):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )

    def delete(self, key: str) -> None:
        """See FileStore."""
        with self._translated_errors(key):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def read(self, key: str) -> StoredFile:
        """See FileStore."""
        with self._translated_errors(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            return StoredFile(
                answer["Body"].read(), answer["ContentType"], answer["ETag"].strip('"')
            )

    def fetch(self, key: str, into: IO[bytes], *, most_bytes: int) -> int:
        """See FileStore."""
        taken = 0
        with self._translated_errors(key):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            try:
                while chunk := body.read(_CHUNK_BYTES):
                    taken += len(chunk)
                    if taken > most_bytes:
                        raise Invalid("file_too_heavy", f"more than {most_bytes} bytes")
                    into.write(chunk)
            finally:
                body.close()
        return taken

    def has(self, key: str) -> bool:
        """See FileStore."""
        try:
            with self._translated_errors(key):
                self._client.head_object(Bucket=self._bucket, Key=key)
        except NotFound:
            return False
        return True

    def signed_link(self, key: str, *, file_name: str, lifetime: timedelta) -> str:
        """See FileStore. Signing is arithmetic: no network, no answer about existence."""
        if not timedelta(0) < lifetime <= LONGEST_LINK:
            raise ValueError("a signed link lives for at most 15 minutes")
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                # RFC 6266: attachment, so nothing from the bucket is ever rendered.
                "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(file_name)}",
            },
            ExpiresIn=int(lifetime.total_seconds()),
        )

    @contextmanager
    def _translated_errors(self, key: str) -> Iterator[None]:
        forbid_open_transaction("S3")
        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404", "NotFound"):
                raise NotFound("file") from error
            raise FilesUnavailable(str(error.response.get("Error", {}).get("Code"))) from error
        except BotoCoreError as error:
            raise FilesUnavailable(type(error).__name__) from error
