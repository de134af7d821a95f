"""What every view uses: the shop, the reading session, and who may come in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from flask import Flask, current_app, g, has_app_context, request, session
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from storefront.accounts.queries import Visitor, hash_token
from storefront.accounts.rules import Permission, role_permits
from storefront.bootstrap import Shop
from storefront.db import Base
from storefront.errors import DomainError, Kind

V = TypeVar("V", bound=Callable[..., Any])
T = TypeVar("T")


def limit_key() -> str:
    """Whose requests are counted together: a signed-in browser's own, else those of its address,
    because a whole town may stand behind one address."""
    token = session.get("_user_id")
    return f"sign-in:{hash_token(str(token))}" if token else get_remote_address()


limiter: Final = Limiter(
    key_func=limit_key,
    in_memory_fallback_enabled=True,
    strategy="moving-window",
    headers_enabled=False,
)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route. Declared on every one; the boot fails where it is missing."""

    members_only: bool = False
    permission: Permission | None = None
    csrf: bool = True


def public(view: V) -> V:
    """Anybody may call this."""
    return _declare(view, Access())


def public_machine(view: V) -> V:
    """Anybody may call this, programs without a browser session too: no CSRF token. The view
    authenticates its caller by a key or a signature."""
    return _declare(view, Access(csrf=False))


def member(view: V) -> V:
    """Signed-in people only; others are sent to sign in and come back."""
    return _declare(view, Access(members_only=True))


def permitted(permission: Permission) -> Callable[[V], V]:
    """People whose role carries this permission; to everybody else the page does not exist."""
    return lambda view: _declare(view, Access(members_only=True, permission=permission))


def may(right: str) -> bool:
    """Whether the visitor's role carries this permission: for menus, which show only what can be
    opened. Doors themselves are guarded by `permitted`."""
    return current_user.is_authenticated and role_permits(visitor().role, Permission(right))


def access_of(view: Callable[..., Any]) -> Access | None:
    """The declaration on a view function, if there is one."""
    return cast("Access | None", getattr(view, "access", None))


def authorise() -> None:
    """Before every request: enforce what the route declares.

    Raises DomainError unauthenticated, or not found for staff pages: their existence is nobody
    else's business.
    """
    if request.endpoint is None:
        return
    access = access_of(current_app.view_functions[request.endpoint])
    if access is None or not access.members_only:
        return
    if not current_user.is_authenticated:
        raise DomainError("sign_in_first", Kind.UNAUTHENTICATED)
    if access.permission and not role_permits(visitor().role, access.permission):
        raise DomainError("page_not_found", Kind.NOT_FOUND)


def check_every_route_declares_access(app: Flask) -> None:
    """Boot check. Raises RuntimeError naming the endpoints without a declaration."""
    bare = [name for name, view in app.view_functions.items() if access_of(view) is None]
    if bare:
        raise RuntimeError(f"routes without declared access: {', '.join(sorted(bare))}")


class RequestSessions(SQLAlchemy):
    """Flask-SQLAlchemy as the keeper of one reading session per request, over the shop's own
    engine instead of a second pool."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        super().__init__(metadata=Base.metadata, session_options={"expire_on_commit": False})

    def give_back_connection(self) -> None:
        """Before a request writes: its reading connection goes back to the pool, what was read
        stays readable."""
        if has_app_context() and self.session.registry.has():
            self.session.commit()

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Any:
        return self._shop.database.reading_engine


def shop() -> Shop:
    """The shop this request is served by."""
    return cast("Shop", current_app.extensions["shop"])


def read() -> Session:
    """The reading session of this request: autocommit, refuses writes, closed at its end."""
    sessions = cast("RequestSessions", current_app.extensions["sqlalchemy"])
    return sessions.session()


def give_back_connection() -> None:
    """Before something slow that needs no database: the connection this request reads through goes
    back to the pool. What was read stays readable; reading again takes another."""
    cast("RequestSessions", current_app.extensions["sqlalchemy"]).give_back_connection()


def visitor() -> Visitor:
    """The signed-in person; only behind `member` or `permitted`."""
    return cast("Visitor", current_user._get_current_object())


def header_figure(compute: Callable[[], T], *, otherwise: T) -> Callable[[], T]:
    """A figure of the page header: computed once per request, and `otherwise` while the database
    is away, because the page that says so has a header too."""
    name = f"_figure_{compute.__name__}"

    def figure() -> T:
        if not hasattr(g, name):
            try:
                setattr(g, name, compute())
            except (OperationalError, PoolTimeout):
                setattr(g, name, otherwise)
        return cast("T", getattr(g, name))

    return figure


def _declare(view: V, access: Access) -> V:
    view.access = access  # type: ignore[attr-defined]
    return view
