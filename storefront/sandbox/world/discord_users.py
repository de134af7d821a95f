"""The people who can sign in at the Discord stand-in."""

import json

from storefront.sandbox.world.storage import JsonObject, Store

FIELDS = ("id", "username", "global_name", "email", "verified", "locale", "avatar", "note")
USERS: tuple[JsonObject, ...] = (
    {
        "id": "100000000000000001",
        "username": "mali",
        "global_name": "Mali",
        "email": "mali@example.com",
        "locale": "th",
        "note": "the shop's owner",
    },
    {
        "id": "100000000000000002",
        "username": "somchai",
        "global_name": "Somchai",
        "email": "somchai@example.com",
        "locale": "th",
        "note": "a customer",
    },
    {
        "id": "100000000000000003",
        "username": "anna",
        "global_name": "Anna",
        "email": "anna@example.com",
        "locale": "en-US",
        "note": "a customer who reads English",
    },
    {
        "id": "100000000000000004",
        "username": "nok",
        "global_name": "Nok",
        "email": "nok@example.com",
        "verified": False,
        "locale": "th",
        "note": "has not confirmed the e-mail address",
    },
)


def seed_users(store: Store) -> None:
    """Add the known users that are not there yet; changed ones stay as they are."""
    for user in USERS:
        if find_user(store, str(user["id"])) is None:
            add_user(store, user)


def add_user(store: Store, wanted: object) -> JsonObject:
    """Insert or replace a user by id. Raise ValueError on unknown or missing fields."""
    if not isinstance(wanted, dict) or not set(wanted) <= set(FIELDS):
        raise ValueError(f"a user has the fields {', '.join(FIELDS)}")
    if not str(wanted.get("id", "")).isdecimal() or not wanted.get("username"):
        raise ValueError("a user needs a numeric id and a username")
    user: JsonObject = {
        "global_name": None,
        "email": None,
        "verified": True,
        "locale": "th",
        "avatar": None,
        "note": "",
        **wanted,
        "id": str(wanted["id"]),
    }
    store.run(
        "INSERT INTO discord_users VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        user["id"],
        json.dumps(user),
    )
    return user


def find_user(store: Store, user_id: str) -> JsonObject | None:
    row = store.row("SELECT body FROM discord_users WHERE id = ?", user_id)
    if row is None:
        return None
    user: JsonObject = json.loads(row["body"])
    return user


def all_users(store: Store) -> list[JsonObject]:
    rows = store.rows("SELECT body FROM discord_users ORDER BY id")
    return [json.loads(row["body"]) for row in rows]
