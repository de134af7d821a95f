"""Files that arrive in parts, straight from a browser: what the shop asks of a store for that, and
the adapter over any S3 (multipart uploads with presigned part links)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from storefront.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

LONGEST_PART_LINK: Final = timedelta(minutes=15)
# S3 refuses smaller parts, the last one excepted, and more of them.
LEAST_PART_BYTES: Final = 5 * 1024 * 1024
MOST_PARTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that has arrived; the etag is what the store calls its content."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class OpenParts:
    """An upload in parts that was begun and neither completed nor aborted."""

    key: str
    parts_id: str
    began_at: datetime


class PartStore(Protocol):
    """Uploads in parts into a private bucket. `parts_id` is the store's name for one of them."""

    @property
    def origin(self) -> str:
        """Scheme, host and port that part links lead to: what a page must be allowed to reach."""
        ...

    def start(self, key: str, *, content_type: str) -> str:
        """Begin an upload and say its `parts_id`; nothing is under `key` before it is completed.
        Raises FilesUnavailable."""
        ...

    def signed_link(
        self, key: str, parts_id: str, *, number: int, size_bytes: int, lifetime: timedelta
    ) -> str:
        """A link that takes one PUT of exactly so many bytes as this part, for at most 15 minutes.
        Raises ValueError for a longer lifetime or a part S3 would not take."""
        ...

    def list_arrived(self, key: str, parts_id: str) -> Sequence[StoredPart]:
        """The parts that are there, by number. Raises NotFound `parts` when the upload is completed
        or aborted, FilesUnavailable."""
        ...

    def complete(self, key: str, parts_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the file of its parts. Raises NotFound `parts` when it was aborted, and perhaps when
        it was completed before (some stores say yes again); FilesUnavailable."""
        ...

    def abort(self, key: str, parts_id: str) -> None:
        """Throw the parts away; an upload that is completed or aborted already stays as it is.
        Raises FilesUnavailable."""
        ...

    def list_open(self, prefix: str, *, began_before: datetime) -> Sequence[OpenParts]:
        """What was begun under `prefix` before then and is still open. Raises FilesUnavailable."""
        ...

    def allow_origin(self, origin: str) -> None:
        """Let pages of this origin send parts: the bucket's CORS rule, replaced as a whole.
        Raises FilesUnavailable."""
        ...


class S3Parts:
    """Multipart uploads of any S3. Calls share client and error handling with `S3Files`."""

    def __init__(
        self,
        client: S3Client,
        *,
        bucket: str,
        translated_errors: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._translated_errors = translated_errors

    @property
    def origin(self) -> str:
        """See PartStore. Taken from a link, so that it is the one links have by construction."""
        link = urlsplit(
            self._client.generate_presigned_url(
                "head_object", Params={"Bucket": self._bucket, "Key": "origin"}
            )
        )
        return f"{link.scheme}://{link.netloc}"

    def start(self, key: str, *, content_type: str) -> str:
        """See PartStore."""
        with self._translated_errors(key):
            begun = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, ContentType=content_type
            )
        return begun["UploadId"]

    def signed_link(
        self, key: str, parts_id: str, *, number: int, size_bytes: int, lifetime: timedelta
    ) -> str:
        """See PartStore. The length is a signed header: a body of another one has another
        signature. Hashes are left out, which not every S3 takes for parts; ZIP archives carry
        checksums of their own that the worker looks at."""
        if not timedelta(0) < lifetime <= LONGEST_PART_LINK:
            raise ValueError("a link for a part lives for at most 15 minutes")
        if not 1 <= number <= MOST_PARTS or size_bytes < 1:
            raise ValueError("no such part")
        return self._client.generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "UploadId": parts_id,
                "PartNumber": number,
                "ContentLength": size_bytes,
            },
            ExpiresIn=int(lifetime.total_seconds()),
        )

    def list_arrived(self, key: str, parts_id: str) -> Sequence[StoredPart]:
        """See PartStore."""
        with self._translated_errors(key):
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=self._bucket, Key=key, UploadId=parts_id
            )
            return [
                StoredPart(part["PartNumber"], part["Size"], part["ETag"])
                for page in pages
                for part in page.get("Parts", [])
            ]

    def complete(self, key: str, parts_id: str, parts: Sequence[StoredPart]) -> None:
        """See PartStore."""
        named: list[CompletedPartTypeDef] = [
            {"PartNumber": part.number, "ETag": part.etag} for part in parts
        ]
        with self._translated_errors(key):
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=parts_id, MultipartUpload={"Parts": named}
            )

    def abort(self, key: str, parts_id: str) -> None:
        """See PartStore."""
        try:
            with self._translated_errors(key):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=parts_id)
        except NotFound:
            return

    def list_open(self, prefix: str, *, began_before: datetime) -> Sequence[OpenParts]:
        """See PartStore."""
        with self._translated_errors(prefix):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            return [
                OpenParts(one["Key"], one["UploadId"], one["Initiated"])
                for page in pages
                for one in page.get("Uploads", [])
                if one["Initiated"] < began_before
            ]

    def allow_origin(self, origin: str) -> None:
        """See PartStore."""
        with self._translated_errors(self._bucket):
            self._client.put_bucket_cors(
                Bucket=self._bucket,
                CORSConfiguration={
                    "CORSRules": [
                        {
                            "AllowedOrigins": [origin],
                            "AllowedMethods": ["PUT"],
                            "AllowedHeaders": ["content-type"],
                            "MaxAgeSeconds": 3600,
                        }
                    ]
                },
            )
