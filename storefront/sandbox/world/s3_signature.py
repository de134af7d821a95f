"""Signature Version 4 as S3 checks it, in headers and in presigned links.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
LARGEST_SKEW_S = 15 * 60
LONGEST_LINK_S = 7 * 24 * 3600
UNSIGNED = "UNSIGNED-PAYLOAD"
AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)"
)


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class SignedCall:
    """One HTTP call as it came over the wire: `raw_path` and `query` still percent-encoded,
    header names in lower case."""

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Claim:
    access_key: str
    scope: str
    signed_headers: str
    signature: str
    stamp: str
    payload_hash: str
    expires: int | None


def verify(call: SignedCall, *, access_key: str, secret_key: str, now: float) -> None:
    """Return if the call is signed with our keys, now; raise Refusal with S3's own code if not."""
    pairs = parse_qsl(call.query, keep_blank_values=True)
    query = dict(pairs)
    claim = _link_claim(query) if "X-Amz-Signature" in query else _header_claim(call, query)
    if claim.access_key != access_key:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise Refusal(403, "InvalidAccessKeyId", message)
    expected = _signature(call, pairs, claim, secret_key)
    if not hmac.compare_digest(expected, claim.signature):
        raise Refusal(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
            " Check your key and signing method.",
        )
    _check_time(claim, now)
    _check_body(claim, call.body)


def _link_claim(query: Mapping[str, str]) -> _Claim:
    try:
        expires = int(query["X-Amz-Expires"])
        access_key, scope = query["X-Amz-Credential"].split("/", 1)
        signed, stamp = query["X-Amz-SignedHeaders"], query["X-Amz-Date"]
        is_ours = query["X-Amz-Algorithm"] == ALGORITHM and 0 <= expires <= LONGEST_LINK_S
    except (KeyError, ValueError) as error:
        raise _malformed_link() from error
    if not is_ours:
        raise _malformed_link()
    signature = query["X-Amz-Signature"]
    return _Claim(access_key, scope, signed, signature, stamp, UNSIGNED, expires)


def _malformed_link() -> Refusal:
    return Refusal(
        400, "AuthorizationQueryParametersError", "The X-Amz query parameters are not well formed."
    )


def _header_claim(call: SignedCall, query: Mapping[str, str]) -> _Claim:
    header = call.headers.get("authorization", "")
    if not header and "Signature" not in query:
        raise Refusal(403, "AccessDenied", "Access Denied")
    found = AUTHORIZATION.fullmatch(header)
    if found is None:
        # Signature Version 2, which old presigned links use, ends here as well.
        message = f"The authorization mechanism you have provided is not supported: {ALGORITHM} is."
        raise Refusal(400, "InvalidRequest", message)
    access_key, _, scope = found[1].partition("/")
    stamp = call.headers.get("x-amz-date", "")
    payload_hash = call.headers.get("x-amz-content-sha256", "")
    if not payload_hash:
        message = "Missing required header for this request: x-amz-content-sha256"
        raise Refusal(400, "InvalidRequest", message)
    return _Claim(access_key, scope, found[2], found[3], stamp, payload_hash, None)


def _signature(
    call: SignedCall, pairs: list[tuple[str, str]], claim: _Claim, secret_key: str
) -> str:
    names = claim.signed_headers.split(";")
    headers = "".join(f"{name}:{' '.join(call.headers.get(name, '').split())}\n" for name in names)
    query = "&".join(
        sorted(f"{_enc(key)}={_enc(value)}" for key, value in pairs if key != "X-Amz-Signature")
    )
    path = quote(unquote(call.raw_path), safe="/-_.~")
    canonical = "\n".join(
        (call.method, path, query, headers, claim.signed_headers, claim.payload_hash)
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, claim.stamp, claim.scope, digest))
    key = b"AWS4" + secret_key.encode()
    for step in claim.scope.split("/"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _enc(value: str) -> str:
    return quote(value, safe="-_.~")


def _check_time(claim: _Claim, now: float) -> None:
    try:
        signed_at = datetime.strptime(claim.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise Refusal(403, "AccessDenied", "AWS authentication requires a valid Date") from error
    if claim.expires is not None:
        if now > signed_at + claim.expires:
            raise Refusal(403, "AccessDenied", "Request has expired")
        if signed_at > now + LARGEST_SKEW_S:
            raise Refusal(403, "AccessDenied", "Request is not yet valid")
    elif abs(now - signed_at) > LARGEST_SKEW_S:
        message = "The difference between the request time and the current time is too large."
        raise Refusal(403, "RequestTimeTooSkewed", message)


def _check_body(claim: _Claim, body: bytes) -> None:
    """A signed hash must fit the body; unsigned and chunked bodies have none to check."""
    if claim.payload_hash == UNSIGNED or claim.payload_hash.startswith("STREAMING-"):
        return
    if hashlib.sha256(body).hexdigest() != claim.payload_hash:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise Refusal(400, "XAmzContentSHA256Mismatch", message)
