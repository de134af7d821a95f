"""The loader inside a resource's archive, and the loader as an archive of its own."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import IO

from storefront.errors import Conflict, Invalid
from storefront.kit.signing import PublicKey
from storefront.loader.files import FOLDER, MARK, OnRefusal, loader_files
from storefront.loader.manifest import has_loader, on_refusal_of, with_loader
from storefront.loader.zips import (
    Entry,
    Parts,
    entry_like,
    put_together,
    read_entry,
    take_apart,
)

MANIFEST = b"fxmanifest.lua"
LARGEST_TEXT_BYTES = 1024 * 1024
STANDALONE_FOLDER = "license-check"
_STANDALONE_MANIFEST = """\
fx_version 'cerulean'
game 'common'
lua54 'yes'

description 'Checks a licence key and says on the console whether it is good'
version '1.0.0'

-- Alone it has no script to stop.
license_on_refusal 'warn'
"""


def add_loader(
    archive: IO[bytes],
    *,
    product_slug: str,
    verify_url: str,
    public_keys: Sequence[PublicKey],
) -> IO[bytes]:
    """A copy of a script's archive with the loader in every resource of it, brought up to date
    where it stands already.

    A resource is a folder with an fxmanifest.lua, and not one inside another resource. What its
    manifest says of `license_on_refusal` goes into the loader's settings; without it a refused
    script stops. Other entries, and the order of all, stay byte for byte. The archive is read from
    any position and left open; the copy is a temporary file at its beginning, the caller's to
    close. Running it again changes nothing.

    Raises Invalid `no_manifest`, `bad_on_refusal` or `unreadable_archive`, Conflict
    `license_folder_taken` when a resource has files of its own where the loader's belong.
    """
    parts = take_apart(archive)
    manifests = _resources(parts)
    if not manifests:
        raise Invalid("no_manifest", "no folder of the archive holds an fxmanifest.lua")
    placed: dict[bytes, Entry] = {}
    for manifest in manifests:
        text = read_entry(archive, manifest, at_most=LARGEST_TEXT_BYTES)
        files = loader_files(
            product_slug=product_slug,
            verify_url=verify_url,
            public_keys=public_keys,
            on_refusal=on_refusal_of(text) or OnRefusal.STOP,
        )
        if not has_loader(text):
            _check_room(archive, parts, manifest, files)
        placed |= _placed(manifest, text, files)
    return put_together(archive, _merged(parts, placed), comment=parts.comment)


def loader_archive(
    *, product_slug: str, verify_url: str, public_keys: Sequence[PublicKey]
) -> bytes:
    """The loader as a resource of its own, which only says whether the key is good; its `license`
    folder is the one that goes into a script. The same arguments give the same bytes."""
    bare = BytesIO()
    with zipfile.ZipFile(bare, "w") as written:
        entry = zipfile.ZipInfo(f"{STANDALONE_FOLDER}/fxmanifest.lua")
        entry.external_attr = 0o644 << 16
        written.writestr(entry, _STANDALONE_MANIFEST)
    with add_loader(
        bare, product_slug=product_slug, verify_url=verify_url, public_keys=public_keys
    ) as made:
        return made.read()


def _resources(parts: Parts) -> list[Entry]:
    """The manifests of resources: the game server looks for none inside a resource."""
    found = [entry for entry in parts.entries if _file_name(entry.name) == MANIFEST]
    folders = {_folder(entry.name) for entry in found}
    return [entry for entry in found if not folders & set(_folders_above(_folder(entry.name)))]


def _check_room(
    archive: IO[bytes], parts: Parts, manifest: Entry, files: Mapping[str, bytes]
) -> None:
    """Whatever stands under the loader's names has to be the loader's. Names are compared as
    Windows does, where most game servers run."""
    taken = {(_folder(manifest.name) + path.encode()).lower() for path in files}
    for entry in parts.entries:
        if entry.name.lower() in taken:
            first_line = read_entry(archive, entry, at_most=LARGEST_TEXT_BYTES).split(b"\n")[0]
            if MARK.encode() not in first_line:
                raise Conflict("license_folder_taken", f"{FOLDER} holds files of the script's own")


def _placed(manifest: Entry, text: bytes, files: Mapping[str, bytes]) -> dict[bytes, Entry]:
    """The resource's entries that are new or replaced, by name."""
    folder = _folder(manifest.name)
    changed = {manifest.name: with_loader(text)} if with_loader(text) != text else {}
    inside = {folder + path.encode(): body for path, body in files.items()}
    return {
        name: entry_like(manifest, name=name, inside=body)
        for name, body in {**changed, **inside}.items()
    }


def _merged(parts: Parts, placed: Mapping[bytes, Entry]) -> Iterator[Entry]:
    left = dict(placed)
    for entry in parts.entries:
        yield left.pop(entry.name, entry)
    yield from left.values()


def _folder(name: bytes) -> bytes:
    """The folder of an entry with its slash; nothing for the top."""
    return name[: name.rfind(b"/") + 1]


def _file_name(name: bytes) -> bytes:
    return name[name.rfind(b"/") + 1 :]


def _folders_above(folder: bytes) -> Iterator[bytes]:
    while folder:
        folder = _folder(folder[:-1])
        yield folder
