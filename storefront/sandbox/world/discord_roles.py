"""Discord's server: its members and their roles, for the shop's bot
(https://discord.com/developers/docs/resources/guild)."""

from flask import Blueprint, Flask, Response, jsonify
from flask import request as http

from storefront.sandbox.world.discord_users import all_users, find_user
from storefront.sandbox.world.state import DISCORD_BOT_TOKEN, DISCORD_GUILD_ID, World
from storefront.sandbox.world.storage import JsonObject

Refusal = tuple[Response, int]
GUILD = f"/discord/api/v10/guilds/{DISCORD_GUILD_ID}/members"


def register_discord_roles(app: Flask, world: World) -> None:
    blueprint = Blueprint("discord_roles", __name__)
    _add_api(blueprint, world)
    _add_controls(blueprint, world)
    app.register_blueprint(blueprint)


def members(world: World) -> list[JsonObject]:
    """Everybody Discord knows, with the roles they have on the server."""
    outside = {row["user_id"] for row in world.store.rows("SELECT * FROM discord_outsiders")}
    return [
        {**user, "is_member": user["id"] not in outside, "roles": _roles(world, user["id"])}
        for user in all_users(world.store)
    ]


def _add_api(blueprint: Blueprint, world: World) -> None:
    @blueprint.get(f"{GUILD}/<user_id>")
    def member(user_id: str) -> tuple[Response, int]:
        if refusal := _refusal(world, user_id):
            return refusal
        user = find_user(world.store, user_id) or {"id": user_id, "username": "somebody"}
        public = {name: user.get(name) for name in ("id", "username", "global_name")}
        return jsonify(user=public, roles=_roles(world, user_id), joined_at="2026-01-01"), 200

    @blueprint.put(f"{GUILD}/<user_id>/roles/<role_id>")
    def add(user_id: str, role_id: str) -> tuple[Response, int]:
        if refusal := _refusal(world, user_id, role_id):
            return refusal
        world.store.run("INSERT OR IGNORE INTO discord_roles VALUES (?, ?)", user_id, role_id)
        return _done(world)

    @blueprint.delete(f"{GUILD}/<user_id>/roles/<role_id>")
    def remove(user_id: str, role_id: str) -> tuple[Response, int]:
        if refusal := _refusal(world, user_id, role_id):
            return refusal
        world.store.run(
            "DELETE FROM discord_roles WHERE user_id = ? AND role_id = ?", user_id, role_id
        )
        return _done(world)


def _add_controls(blueprint: Blueprint, world: World) -> None:
    @blueprint.route("/control/discord/members/<user_id>", methods=["GET", "POST"])
    def place(user_id: str) -> Response:
        """What an admin of the server would do: `is_member`, `roles`."""
        wanted = http.get_json() if http.method == "POST" else {}
        if "is_member" in wanted:
            sql = (
                "DELETE FROM discord_outsiders WHERE user_id = ?"
                if wanted["is_member"]
                else "INSERT OR IGNORE INTO discord_outsiders VALUES (?)"
            )
            world.store.run(sql, user_id)
            if not wanted["is_member"]:
                wanted.setdefault("roles", [])
        if "roles" in wanted:
            world.store.run("DELETE FROM discord_roles WHERE user_id = ?", user_id)
            for role_id in wanted["roles"]:
                world.store.run("INSERT INTO discord_roles VALUES (?, ?)", user_id, role_id)
        return jsonify(is_member=not _is_outside(world, user_id), roles=_roles(world, user_id))

    @blueprint.post("/control/discord/forget")
    def forget() -> Response:
        """A server on which nobody has a role."""
        world.store.run("DELETE FROM discord_roles")
        world.store.run("DELETE FROM discord_outsiders")
        return jsonify(forgotten=True)


def _refusal(world: World, user_id: str, role_id: str | None = None) -> Refusal | None:
    if world.discord.down:
        return Response("upstream connect error", 503), 503
    with world.lock:
        if world.discord.limit_roles > 0:
            world.discord.limit_roles -= 1
            answer = jsonify(message="You are being rate limited.", global_=False)
            answer.headers["Retry-After"] = str(world.discord.retry_after)
            return answer, 429
    if http.headers.get("Authorization") != f"Bot {DISCORD_BOT_TOKEN}":
        return jsonify(message="401: Unauthorized", code=0), 401
    if _is_outside(world, user_id):
        return jsonify(message="Unknown Member", code=10007), 404
    if role_id is not None and world.discord.forbid_roles:
        return jsonify(message="Missing Permissions", code=50013), 403
    return None


def _done(world: World) -> tuple[Response, int]:
    with world.lock:
        if world.discord.lose_role_answers > 0:
            world.discord.lose_role_answers -= 1
            raise ConnectionAbortedError("hung up as asked")
    return Response(status=204), 204


def _is_outside(world: World, user_id: str) -> bool:
    sql = "SELECT 1 FROM discord_outsiders WHERE user_id = ?"
    return world.store.row(sql, user_id) is not None


def _roles(world: World, user_id: str) -> list[str]:
    sql = "SELECT role_id FROM discord_roles WHERE user_id = ? ORDER BY role_id"
    return [row["role_id"] for row in world.store.rows(sql, user_id)]
