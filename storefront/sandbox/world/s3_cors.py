"""Cross-origin rules of buckets as S3 applies them: what pages of other origins may send and read.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from xml.etree import ElementTree as ET

from werkzeug.wrappers import Response

PREFIX = "access-control-"


@dataclass(frozen=True)
class CorsRule:
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: str


def read_rules(configuration: bytes) -> list[CorsRule]:
    """The rules of a bucket, in its order, from the XML of GetBucketCors."""
    root = ET.fromstring(configuration)  # noqa: S314 - moto wrote it

    def texts(rule: ET.Element, name: str) -> tuple[str, ...]:
        return tuple(node.text or "" for node in rule if _name(node) == name)

    return [
        CorsRule(
            origins=texts(rule, "AllowedOrigin"),
            methods=texts(rule, "AllowedMethod"),
            headers=tuple(one.lower() for one in texts(rule, "AllowedHeader")),
            exposed=texts(rule, "ExposeHeader"),
            max_age="".join(texts(rule, "MaxAgeSeconds")),
        )
        for rule in root
        if _name(rule) == "CORSRule"
    ]


def answer_preflight(rules: Sequence[CorsRule], asked: Mapping[str, str]) -> Response | None:
    """What S3 says to OPTIONS; None where no rule fits, which it refuses with 403."""
    method = asked.get("access-control-request-method", "")
    wanted = [one.strip() for one in asked.get("access-control-request-headers", "").split(",")]
    rule = _find(rules, asked.get("origin", ""), method)
    if rule is None or not all(_fits(one.lower(), rule.headers) for one in wanted if one):
        return None
    response = Response("", 200)
    add_headers(response, rules, asked, method=method)
    response.headers["Access-Control-Allow-Headers"] = ", ".join(one for one in wanted if one)
    if rule.max_age:
        response.headers["Access-Control-Max-Age"] = rule.max_age
    return response


def add_headers(
    response: Response, rules: Sequence[CorsRule], asked: Mapping[str, str], *, method: str
) -> None:
    """What a page of another origin may know of this answer, and nothing moto said about it."""
    for name, _value in list(response.headers):
        if name.lower().startswith(PREFIX):
            del response.headers[name]
    rule = _find(rules, asked.get("origin", ""), method)
    if rule is None:
        return
    response.headers["Access-Control-Allow-Origin"] = asked["origin"]
    response.headers["Access-Control-Allow-Methods"] = ", ".join(rule.methods)
    response.headers.add("Vary", "Origin")
    if rule.exposed:
        response.headers["Access-Control-Expose-Headers"] = ", ".join(rule.exposed)


def _find(rules: Sequence[CorsRule], origin: str, method: str) -> CorsRule | None:
    if not origin:
        return None
    return next(
        (rule for rule in rules if _fits(origin, rule.origins) and method in rule.methods), None
    )


def _fits(value: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _name(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]
