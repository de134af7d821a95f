"""Somebody else answers in the shop's place. Nothing unsigned, and nothing signed about something
else, is ever a verdict: neither a VALID that nobody bought, nor a refusal that stops a script."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from storefront.bootstrap import Shop
from storefront.kit.signing import SigningKeys, make_signing_key, read_signing_key
from tests.api.conftest import Bought
from tests.loader.conftest import HOUR, SCRIPT, Script, Servers, code_of, serve
from tests.loader.wire import Meddling, Passed, Wire
from tests.support.fivem import GameServer

STRANGER = SigningKeys([make_signing_key()])


def changed(answer: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({**answer, **fields}).encode()


def signed_by(keys: SigningKeys, answer: dict[str, Any], **fields: Any) -> bytes:
    """The answer with a changed payload, properly signed by these keys."""
    text = json.dumps({**json.loads(answer["payload"]), **fields}, separators=(",", ":"))
    made = keys.sign(text)
    return changed(answer, payload=text, sig=made.sig, kid=made.kid)


def forged_padding(shop: Shop, answer: dict[str, Any], **fields: Any) -> bytes:
    """A block that begins right and has rubbish behind the digest. Opening to it takes the private
    key here; with a small exponent a forger finds such a signature without."""
    text = json.dumps({**json.loads(answer["payload"]), **fields}, separators=(",", ":"))
    info = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(text.encode()).digest()
    block = b"\0\1" + b"\xff" * 8 + b"\0" + info + b"\x55" * 194
    numbers = read_signing_key(shop.settings.license_signing_keys[0]).private_numbers()
    value = pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n)
    sig = base64.b64encode(value.to_bytes(256, "big")).decode()
    return changed(answer, payload=text, sig=sig)


Spoof = Callable[[Shop, dict[str, Any], str], bytes]


def with_code(code: str) -> dict[str, Any]:
    """What a spoofed payload says, for as long as it can."""
    return {"code": code, "next_check": 2**40, "grace_until": 2**40 if code == "VALID" else 0}


SPOOFS: dict[str, Spoof] = {
    "unsigned": lambda shop, answer, code: changed(
        answer, valid=code == "VALID", code=code, payload=None, sig=None, kid=None
    ),
    "a signature of nothing": lambda shop, answer, code: changed(
        answer, payload=json.dumps({**json.loads(answer["payload"]), **with_code(code)}), sig=""
    ),
    "tampered payload": lambda shop, answer, code: changed(
        answer, payload=json.dumps({**json.loads(answer["payload"]), **with_code(code)})
    ),
    "signed by a stranger": lambda shop, answer, code: signed_by(
        STRANGER, answer, **with_code(code)
    ),
    "signed by a stranger under the shop's name": lambda shop, answer, code: changed(
        json.loads(signed_by(STRANGER, answer, **with_code(code))), kid=answer["kid"]
    ),
    "forged padding": lambda shop, answer, code: forged_padding(shop, answer, **with_code(code)),
    "signed for another question": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code), nonce="n" * 64
    ),
    "signed for no question": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code), nonce=""
    ),
    "signed for another key": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code), key="0" * 64
    ),
    "signed for another product": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code), product="something-else"
    ),
    "signed for another server": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code), server_id="t-another"
    ),
    "signed in another version": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code), v=2
    ),
    "signed with a code that is none": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code) | {"code": "PERFECT"}
    ),
    "signed without times": lambda shop, answer, code: signed_by(
        shop.signing, answer, **with_code(code) | {"time": "now"}
    ),
}


def spoofing(bought: Bought, name: str, code: str) -> Meddling:
    return lambda passed: (200, SPOOFS[name](bought.shop, passed.answer, code))


def test_no_spoofed_valid_makes_a_revoked_key_good(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    bought.change(status="revoked")
    for name in SPOOFS:
        wire.meddle = spoofing(bought, name, "VALID")

        resource = server.start(SCRIPT)

        assert (resource.export("isLicensed"), code_of(resource)) == (False, "WAITING"), name
        server.run(600)
        assert (resource.is_stopped, code_of(resource)) == (True, "NO_ANSWER"), name


def test_no_spoofed_refusal_stops_a_script_that_has_a_lease(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    resource = server.start(SCRIPT)
    server.run(5 * HOUR)
    for name in SPOOFS:
        wire.meddle = spoofing(bought, name, "REVOKED")
        before = len(server.answers)

        server.run(2 * HOUR)

        assert len(server.answers) > before
        assert (resource.export("isLicensed"), resource.is_stopped) == (True, False), name
        assert code_of(resource) == "LEASE", name


def test_the_control_passes_what_is_signed_about_this_question(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    """The same meddling with the right keys and nothing changed is believed, so that the tests
    above fail for the reason they name."""
    bought.change(status="revoked")
    wire.meddle = lambda passed: (
        200,
        signed_by(
            bought.shop.signing, passed.answer, **with_code("VALID") | {"grace_until": 2**33}
        ),
    )

    assert code_of(server.start(SCRIPT)) == "VALID"


def test_what_is_not_signed_in_an_answer_does_not_count(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    bought.change(status="revoked")
    wire.meddle = lambda passed: (200, changed(passed.answer, valid=True, code="VALID", error=None))

    assert code_of(server.start(SCRIPT)) == "REVOKED"


def test_an_old_valid_played_again_is_no_answer(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    resource = server.start(SCRIPT)
    recorded = json.dumps(wire.passed[0].answer).encode()
    bought.change(status="revoked")
    wire.meddle = lambda passed: (200, recorded)

    server.run(71 * HOUR)
    assert code_of(resource) == "LEASE"
    server.run(2 * HOUR)

    assert resource.is_stopped, "the recording lengthens nothing"


def test_a_recording_does_not_work_after_a_restart_either(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    server.start(SCRIPT)
    recorded = json.dumps(wire.passed[0].answer).encode()
    (server.folder / "resources" / SCRIPT / "license" / "lease.json").unlink()
    wire.meddle = lambda passed: (200, recorded)

    # The same second, the same timer: what the nonce is made of must not repeat all the same.
    server.crash()
    server.turn_clock(-5)
    resource = server.start(SCRIPT)

    assert code_of(resource) == "WAITING"


def test_an_answer_that_would_keep_the_game_server_busy_is_not_digested(
    server: GameServer, bought: Bought, wire: Wire
) -> None:
    """Even if the shop itself had signed it."""
    wire.meddle = lambda passed: (
        200,
        signed_by(bought.shop.signing, passed.answer, padding="x" * 100_000),
    )

    assert code_of(server.start(SCRIPT)) == "WAITING"


def test_keys_are_told_apart_by_name_so_that_the_shop_can_change_them(
    game_servers: Servers, script: Script, bought: Bought
) -> None:
    old = bought.shop.signing.public
    new_key = make_signing_key()
    both = SigningKeys([new_key, *bought.shop.settings.license_signing_keys])
    server = game_servers(convars={"qr_license": bought.key})

    with serve(_with_keys(bought.shop, both)) as url:
        verdicts = {}
        for name, keys in (("new", both.public[:1]), ("both", both.public), ("old", old)):
            server.install(script(url=url, public_keys=keys), name=name)
            verdicts[name] = code_of(server.start(name))

    assert verdicts == {"new": "VALID", "both": "VALID", "old": "WAITING"}
    assert "is it up to date?" in server.resources["old"].console[0]


def test_a_script_with_the_next_key_built_in_believes_the_present_one_too(
    game_servers: Servers, script: Script, bought: Bought
) -> None:
    ahead = (*SigningKeys([make_signing_key()]).public, *bought.shop.signing.public)
    server = game_servers(convars={"qr_license": bought.key})
    server.install(script(public_keys=ahead), name=SCRIPT)

    assert code_of(server.start(SCRIPT)) == "VALID"


def _with_keys(shop: Shop, keys: SigningKeys) -> Shop:
    return replace(shop, signing=keys)


def test_every_spoof_is_what_it_says(bought: Bought, server: GameServer, wire: Wire) -> None:
    """None of them is the answer itself, and each can be read."""
    server.start(SCRIPT)
    passed: Passed = wire.passed[0]

    for name, spoof in SPOOFS.items():
        made = json.loads(spoof(bought.shop, passed.answer, "VALID"))
        assert made != passed.answer, name
