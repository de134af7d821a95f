"""The copy of every S3 object on disk: one file for the bytes, one for what goes with them."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MirroredObject:
    key: str
    headers: dict[str, str]
    body: bytes


class Mirror:
    """Bucket names and hashed keys become file names, so no key can leave the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def buckets(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir())

    def add_bucket(self, bucket: str) -> None:
        self._bucket(bucket).mkdir(exist_ok=True)

    def remove_bucket(self, bucket: str) -> None:
        shutil.rmtree(self._bucket(bucket), ignore_errors=True)

    def objects(self, bucket: str) -> Iterator[MirroredObject]:
        """What was completely written; a half-written one has no .json yet and is skipped."""
        for about in sorted(self._bucket(bucket).glob("*.json")):
            known = json.loads(about.read_text())
            body = (about.parent / known["file"]).read_bytes()
            yield MirroredObject(known["key"], known["headers"], body)

    def write(self, bucket: str, stored: MirroredObject) -> None:
        """Replace the copy of one object; a crash leaves the old one or the new one, whole."""
        about = self._about(bucket, stored.key)
        about.parent.mkdir(exist_ok=True)
        is_replaced = about.exists()
        digest = hashlib.sha256(stored.body).hexdigest()[:16]
        name = f"{about.stem}.{digest}.bin"
        _write_whole(about.parent / name, stored.body)
        known = {"key": stored.key, "headers": stored.headers, "file": name}
        _write_whole(about, json.dumps(known, indent=1).encode())
        if is_replaced:  # else there is nothing to look for among all the others
            self._drop_bodies(about, keep=name)

    def remove(self, bucket: str, key: str) -> None:
        about = self._about(bucket, key)
        about.unlink(missing_ok=True)
        self._drop_bodies(about, keep=None)

    def _bucket(self, bucket: str) -> Path:
        return self._folder / bucket.replace("/", "_").lstrip(".")

    def _about(self, bucket: str, key: str) -> Path:
        return self._bucket(bucket) / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"

    def _drop_bodies(self, about: Path, *, keep: str | None) -> None:
        for old in about.parent.glob(f"{about.stem}.*.bin"):
            if old.name != keep:
                old.unlink(missing_ok=True)


def _write_whole(path: Path, content: bytes) -> None:
    half = path.with_suffix(f"{path.suffix}.part")
    half.write_bytes(content)
    os.replace(half, path)
