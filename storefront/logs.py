"""Structured logs: one JSON object a line, each with the request or message it belongs to."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import Processor

_SECRET_NAMES = re.compile(r"key|token|secret|password|authorization|cookie|signature|code$", re.I)
_LICENSE_KEY = re.compile(r"(?<![0-9A-Z])([0-9A-Z]{4})(?:-[0-9A-Z]{4}){3}(?![0-9A-Z])", re.I)
_URL_PASSWORD = re.compile(r"(://[^:/\s]*):[^/\s]+@")


def init_logging() -> None:
    """Send everything, the libraries' records too, as JSON lines to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def hide_secrets(_logger: Any, _method: str, event: Any) -> Any:
    """Blank whatever is named like a secret, shorten licence keys to four symbols, and take
    passwords out of addresses, however deep: logs are read by more people than the database."""
    for name, value in event.items():
        event[name] = _hide(name, value)
    return event


def _hide(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return "[hidden]"
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, BaseException):
        return _clean(repr(value))
    if isinstance(value, Mapping):
        return {str(key): _hide(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hide("", inner) for inner in value]
    return value


def _clean(text: str) -> str:
    return _URL_PASSWORD.sub(r"\1:***@", _LICENSE_KEY.sub(r"\1-****", text))
