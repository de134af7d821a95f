"""Is the shop well?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from storefront.bootstrap import Shop
from storefront.web import public_machine, shop

bp = Blueprint("api", __name__)


@bp.get("/health")
@public_machine
def health() -> Response:
    """200 while the database answers, 503 when it does not. Redis may be away: the shop goes on
    selling, only slower to send mail."""
    here = shop()
    database, redis = _database_answers(here), _redis_answers(here)
    response = jsonify(
        status="ok" if database and redis else "degraded" if database else "down",
        timestamp=here.clock().isoformat(),
        database="connected" if database else "down",
        redis="connected" if redis else "down",
    )
    response.status_code = 200 if database else 503
    response.headers["Cache-Control"] = "no-store"
    return response


def _database_answers(here: Shop) -> bool:
    try:
        with here.database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _redis_answers(here: Shop) -> bool:
    try:
        return bool(here.redis.ping())
    except RedisError:
        return False
