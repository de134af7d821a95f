"""Databases inside a running server: the tests clone a migrated template for each worker."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from storefront.sandbox.services.process import wait_until

VACUUM_SECONDS = 20.0


def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """Create a database and return its address; `url` is any database of the same server.

    A template must have no connections at that moment, or PostgreSQL refuses. An old database of
    the same name is dropped first.
    """
    drop_database(url, name)
    command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template:
        command += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(command)
    return with_database(url, name)


def drop_database(url: str, name: str) -> None:
    """Drop a database if it exists, ending the connections that still use it."""
    command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(url, autocommit=True) as connection:
        if not wait_until(lambda: _runs(connection, command), seconds=VACUUM_SECONDS, pause=0.1):
            connection.execute(command)


def _runs(connection: psycopg.Connection[Any], command: sql.Composed) -> bool:
    """Whether it could be done. While autovacuum is at work in a database, an ordinary role may not
    end that connection."""
    try:
        connection.execute(command)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
