"""One owner per folder: a lock that the system itself releases when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Self


class FolderBusyError(Exception):
    """Another live process owns the folder. `holder` is what it wrote about itself."""

    def __init__(self, folder: Path, holder: str) -> None:
        self.folder = folder
        self.holder = holder
        super().__init__(f"{folder} is in use by process {holder or 'unknown'}")


class FolderLock:
    """An advisory lock on `folder/lock`. Freed on release, on exit and on kill -9 alike."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "lock"
        self._fd: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether we are the owner."""
        return self._fd is not None

    def acquire(self, *, patience: float = 0.0) -> Self:
        """Take the lock, waiting at most `patience` seconds for a holder that is just leaving.

        Raises FolderBusyError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # Python opens files non-inheritable: a child that outlives us does not keep the lock.
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience
        while not _try_lock(fd):
            if time.monotonic() >= deadline:
                os.close(fd)
                raise FolderBusyError(self.folder, holder_of(self.folder))
            time.sleep(0.05)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def release(self) -> None:
        """Give the folder back; harmless when it is not held. The file stays: removing it would
        let two processes lock two different files of the same name."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def holder_of(folder: Path) -> str:
    """The pid that the last owner wrote down; empty after a release. Only a hint: after a kill
    it names a process that is gone."""
    try:
        return (folder / "lock").read_text(errors="replace").strip()
    except OSError:
        return ""


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
