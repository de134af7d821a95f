"""The cookie of a browser that is signed in."""

from __future__ import annotations

from flask import session
from flask_login import login_user


def sign_browser_in(token: str) -> None:
    """Put the token of a new sign-in into the cookie, and nothing of what was in it before: one
    that was planted is worth nothing (OWASP ASVS 5, 7.2.4)."""
    session.clear()
    session.permanent = True
    login_user(_Holder(token))


class _Holder:
    """What Flask-Login needs to write the token into the cookie; the person is loaded from the
    table at the next request."""

    is_active = True
    is_authenticated = True
    is_anonymous = False

    def __init__(self, token: str) -> None:
        self._token = token

    def get_id(self) -> str:
        return self._token
