"""Static files under one content hash: /static/<digest>/..., compressed once, cached for ever."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import brotli
from flask import Flask, current_app
from whitenoise import WhiteNoise

from storefront.paths import ROOT

STATIC = ROOT / "static"
BUILT = ROOT / "build" / "static"
COMPRESSED = {".css", ".js", ".svg", ".json"}
ASSET_PREFIX = "ASSET_PREFIX"
ONE_YEAR_SECONDS = 365 * 24 * 3600
# What browsers may fetch before a click. They take it under this type only.
SPECULATION_RULES = "speculation-rules.json"
MEDIA_TYPES = {SPECULATION_RULES: "application/speculationrules+json"}


def init_assets(app: Flask) -> None:
    """Serve static files in front of the app and give templates `asset('css/app.css')`."""
    digest = digest_of(STATIC)
    prefix = f"static/{digest}/"
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(_compressed_copy(digest)),
        prefix=prefix,
        max_age=ONE_YEAR_SECONDS,
        immutable_file_test=lambda _path, _url: True,
        mimetypes=MEDIA_TYPES,
    )
    app.config[ASSET_PREFIX] = f"/{prefix}"
    app.config["SPECULATION_RULES"] = f"/{prefix}{SPECULATION_RULES}"
    app.jinja_env.globals.update(
        asset=lambda name: f"/{prefix}{name}", icon_href=f"/{prefix}vendor/icons.svg"
    )


def asset_url(name: str) -> str:
    """The address of a static file, where a template's `asset()` is out of reach."""
    return f"{current_app.config[ASSET_PREFIX]}{name}"


def digest_of(folder: Path) -> str:
    """A hash over names and contents: any change gives every file a new address."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _compressed_copy(digest: str) -> Path:
    """A copy with .br and .gz beside each text file, made once per digest; where nothing can be
    written the originals are served as they are."""
    target = BUILT / digest
    if target.exists():
        return target
    try:
        BUILT.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=BUILT))
        shutil.copytree(STATIC, draft, dirs_exist_ok=True)
        for path in [p for p in draft.rglob("*") if p.suffix in COMPRESSED]:
            body = path.read_bytes()
            path.with_name(path.name + ".br").write_bytes(brotli.compress(body, quality=11))
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(body, mtime=0))
        draft.chmod(0o755)
        os.rename(draft, target)
    except OSError:
        # Another process may have been faster; otherwise the disk is read-only.
        return target if target.exists() else STATIC
    return target
