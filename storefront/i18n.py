"""The language of a request: Thai at the root, English under /en."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from babel.support import NullTranslations
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, get_locale, get_translations
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from storefront.language import DEFAULT_LOCALE, date_text, datetime_text, money_text, text_of

ENGLISH_PREFIX: Final = "/en"
_ENVIRON_KEY = "shop.locale"


class LanguagePrefix:
    """WSGI middleware: moves a leading /en into SCRIPT_NAME, so that routes know one path only
    and `url_for` keeps the language by itself."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        path = environ.get("PATH_INFO", "")
        environ[_ENVIRON_KEY] = DEFAULT_LOCALE
        if path == ENGLISH_PREFIX or path.startswith(ENGLISH_PREFIX + "/"):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + ENGLISH_PREFIX
            environ["PATH_INFO"] = path[len(ENGLISH_PREFIX) :] or "/"
            environ[_ENVIRON_KEY] = "en"
        return self._app(environ, start_response)


def init_languages(app: Flask) -> None:
    """Set up translations and the filters every template may use."""
    app.config["BABEL_DEFAULT_LOCALE"] = "en"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = f"{app.root_path}/translations"
    Babel(app, locale_selector=current_locale)
    # Same answers as Flask-Babel's own, which searches for the catalogue anew for every text.
    cast("Any", app.jinja_env).install_gettext_callables(
        gettext=lambda text: _catalogue().ugettext(text),
        ngettext=lambda one, many, count: _catalogue().ungettext(one, many, count),
        newstyle=True,
    )
    app.jinja_env.globals["_"] = _translate
    filters: dict[str, Callable[..., str]] = {
        "money": money_text,
        "date": lambda moment: date_text(moment, current_locale()),
        "datetime_text": lambda moment: datetime_text(moment, current_locale()),
        "isodate": lambda moment: cast("datetime", moment).isoformat(),
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals.update(text_of=lambda row, name: text_of(row, name, current_locale()))


def current_locale() -> str:
    """The language of this request: th or en."""
    if not has_request_context():
        return DEFAULT_LOCALE
    return str(request.environ.get(_ENVIRON_KEY, DEFAULT_LOCALE))


def locale_url(locale: str) -> str:
    """This very page in another language, with its query."""
    path = request.full_path.rstrip("?") if request.query_string else request.path
    root = (request.script_root or "").removesuffix(ENGLISH_PREFIX)
    return root + (ENGLISH_PREFIX if locale == "en" else "") + path


@pass_eval_context
def _translate(scope: EvalContext, text: str, /, **values: Any) -> str:
    """Jinja's own `_`, only faster: a page asks for a hundred texts, and most never vary."""
    if not scope.autoescape:
        return _catalogue().ugettext(text) % values
    if values:
        return Markup(_catalogue().ugettext(text)) % values  # noqa: S704
    return _fixed(_catalogue(), text)


@lru_cache(maxsize=4096)
def _fixed(catalogue: NullTranslations, text: str) -> Markup:
    # Translations are ours, and Jinja trusts them in the same way.
    return Markup(catalogue.ugettext(text)) % {}  # noqa: S704


def _catalogue() -> NullTranslations:
    """The translations for this request, looked up again only when its language is forced."""
    locale = get_locale()
    if locale is None:
        return cast("NullTranslations", get_translations())
    known = g.get("catalogue")
    if known is None or known[0] is not locale:
        known = g.catalogue = (locale, get_translations())
    return cast("NullTranslations", known[1])
