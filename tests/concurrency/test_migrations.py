"""Two deployments that migrate one database at the same time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from storefront.config import sqlalchemy_url
from storefront.db import Database, connect
from storefront.migrate import find_drift
from storefront.sandbox.services.databases import create_database, drop_database
from tests.concurrency.racing import race

MIGRATE = """
import sys
from alembic import command
from alembic.config import Config
from storefront.db import connect

config = Config()
config.set_main_option("script_location", sys.argv[1])
config.attributes["engine"] = connect(sys.argv[2])
command.upgrade(config, "head")
"""

STEP = """
from alembic import op

revision = {revision!r}
down_revision = {before!r}


def upgrade():
    op.execute("CREATE TABLE {revision} (id int)")
    op.execute("SELECT pg_sleep(1)")
"""


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    yield sqlalchemy_url(create_database(postgres_url, "side_by_side"))
    drop_database(postgres_url, "side_by_side")


def migrate_side_by_side(scripts: Path, url: str) -> None:
    """Two processes, because Alembic keeps what it works at in module globals."""
    argv = [sys.executable, "-c", MIGRATE, str(scripts), url]
    running = [
        subprocess.Popen(argv, stderr=subprocess.PIPE, cwd=Path.cwd(), text=True) for _ in range(2)
    ]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]


def test_two_migrations_side_by_side_leave_one_good_database(
    empty_database: str, root: Path
) -> None:
    migrate_side_by_side(root / "migrations", empty_database)

    engine = connect(empty_database)
    assert find_drift(engine) == []
    engine.dispose()


def test_a_second_migration_waits_for_every_step_of_the_first(
    empty_database: str, root: Path, tmp_path: Path
) -> None:
    """Two steps of a second each, in the shop's own environment."""
    shutil.copy(root / "migrations" / "env.py", tmp_path)
    shutil.copy(root / "migrations" / "script.py.mako", tmp_path)
    (tmp_path / "versions").mkdir()
    for revision, before in (("first", None), ("second", "first")):
        step = STEP.format(revision=revision, before=before)
        (tmp_path / "versions" / f"{revision}.py").write_text(step)

    migrate_side_by_side(tmp_path, empty_database)

    engine = connect(empty_database)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "second"
    engine.dispose()


def test_control_looking_for_a_table_before_making_it_fails_for_one(database: Database) -> None:
    everybody_has_looked = Barrier(2, timeout=10)

    def migrate() -> str:
        try:
            with database.transaction() as session:
                there = session.scalar(text("SELECT to_regclass('made_twice')"))
                everybody_has_looked.wait()
                if there is None:
                    session.execute(text("CREATE TABLE made_twice (id int)"))
        except (ProgrammingError, IntegrityError):
            return "failed"
        return "made"

    assert sorted(map(str, race([migrate] * 2))) == ["failed", "made"]
