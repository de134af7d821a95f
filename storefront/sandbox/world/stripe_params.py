"""Form-encoded nested parameters, checked as strictly as Stripe checks them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from storefront.sandbox.world.storage import JsonObject
from storefront.sandbox.world.stripe_errors import invalid

Kind = Literal["string", "integer", "boolean", "metadata", "object", "list"]

METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500


@dataclass(frozen=True)
class Field:
    kind: Kind = "string"
    required: bool = False
    choices: tuple[str, ...] = ()
    max_length: int = 5000
    fields: Mapping[str, "Field"] = field(default_factory=dict)
    item: "Field | None" = None


Spec = Mapping[str, Field]

STRING, INTEGER, BOOLEAN = Field(), Field("integer"), Field("boolean")
METADATA = Field("metadata")


def must(wanted: Field) -> Field:
    return replace(wanted, required=True)


def one_of(*choices: str) -> Field:
    return Field(choices=choices)


def group(**fields: Field) -> Field:
    return Field("object", fields=fields)


def list_of(item: Field) -> Field:
    return Field("list", item=item)


CREATED_RANGE = group(gt=INTEGER, gte=INTEGER, lt=INTEGER, lte=INTEGER)
LISTING: Spec = {"limit": INTEGER, "starting_after": STRING, "created": CREATED_RANGE}


def parse_form(pairs: Iterable[tuple[str, str]]) -> JsonObject:
    """Turn `a[b][0][c]=1` pairs into nested dicts; list positions stay string keys."""
    tree: JsonObject = {}
    for name, value in pairs:
        head, *rest = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name) or [name]
        node = tree
        path = [head, *rest]
        for step in path[:-1]:
            below = node.setdefault(step or str(len(node)), {})
            if not isinstance(below, dict):
                raise invalid(f"Invalid object: {name}", param=name)
            node = below
        node[path[-1] or str(len(node))] = value
    return tree


def check(spec: Spec, raw: JsonObject, prefix: str = "") -> JsonObject:
    """Return typed parameters; refuse unknown, missing and malformed ones by name."""
    known = spec if prefix else {**spec, "expand": list_of(STRING)}
    for name in raw:
        if name not in known:
            path = _path(prefix, name)
            raise invalid(
                f"Received unknown parameter: {path}", param=path, code="parameter_unknown"
            )
    checked: JsonObject = {}
    for name, wanted in known.items():
        path = _path(prefix, name)
        if name in raw:
            checked[name] = _value(wanted, raw[name], path)
        elif wanted.required:
            raise invalid(f"Missing required param: {path}.", param=path, code="parameter_missing")
    return checked


def _path(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _value(wanted: Field, raw: Any, path: str) -> Any:
    if wanted.kind == "metadata":
        return _metadata(raw, path)
    if wanted.kind in ("object", "list"):
        return _nested(wanted, raw, path)
    if not isinstance(raw, str):
        raise invalid(f"Invalid {wanted.kind}: {path} is a hash", param=path)
    if raw == "":
        message = f"You passed an empty string for '{path}'. It cannot be unset."
        raise invalid(message, param=path, code="parameter_invalid_empty")
    return _scalar(wanted, raw, path)


def _nested(wanted: Field, raw: Any, path: str) -> Any:
    if not isinstance(raw, dict):
        word = "array" if wanted.kind == "list" else "object"
        raise invalid(f"Invalid {word}", param=path)
    if wanted.kind == "object":
        return check(wanted.fields, raw, path)
    if not all(position.isdecimal() for position in raw):
        raise invalid("Invalid array", param=path)
    item = wanted.item or STRING
    ordered = sorted(raw.items(), key=lambda pair: int(pair[0]))
    return [_value(item, value, f"{path}[{position}]") for position, value in ordered]


def _scalar(wanted: Field, raw: str, path: str) -> str | int | bool:
    if wanted.kind == "integer":
        if not re.fullmatch(r"-?[0-9]{1,15}", raw):
            raise invalid(f"Invalid integer: {raw}", param=path, code="parameter_invalid_integer")
        return int(raw)
    if wanted.kind == "boolean":
        if raw not in ("true", "false"):
            raise invalid(f"Invalid boolean: {raw}", param=path)
        return raw == "true"
    if wanted.choices and raw not in wanted.choices:
        raise invalid(f"Invalid {path}: must be one of {', '.join(wanted.choices)}", param=path)
    if len(raw) > wanted.max_length:
        message = f"Invalid string: {raw[:20]}...; must be at most {wanted.max_length} characters"
        raise invalid(message, param=path)
    return raw


def _metadata(raw: Any, path: str) -> dict[str, str]:
    """An empty value asks to drop the key; an empty `metadata` asks to drop all of them."""
    if raw == "":
        return {}
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise invalid("Invalid hash", param=path)
    if len(raw) > METADATA_KEYS:
        raise invalid(f"You can have at most {METADATA_KEYS} metadata keys.", param=path)
    for key, value in raw.items():
        if len(key) > METADATA_KEY_LENGTH or len(value) > METADATA_VALUE_LENGTH:
            raise invalid(
                f"Metadata keys can have up to {METADATA_KEY_LENGTH} characters"
                f" and values up to {METADATA_VALUE_LENGTH}.",
                param=f"{path}[{key}]",
            )
    return dict(raw)


def merge_metadata(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Stripe's update rule: given keys replace, an empty value removes, {} removes all."""
    if not new:
        return {}
    merged = {**old, **new}
    return {key: value for key, value in merged.items() if value != ""}
