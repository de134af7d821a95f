"""The simulated game server has the habits of the real one, or the other tests here prove little.
The numbers are those of "Facts about the game server" in docs/loader.md."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lupa.lua54 import LuaRuntime

import tests.support
from tests.loader.conftest import MANIFEST
from tests.support.fivem import GameServer, Resource, ScriptFault, TrueTime


@dataclass
class Seen:
    """A request as the other end saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    peer: str


@dataclass
class Echo:
    """A server that notes what it is sent. `/301` and `/302` lead to `/after`, other numbers are
    the status of the answer, `/silent` never answers."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            echo.seen.append(
                Seen(self.command, self.path, headers, body, str(self.client_address[0]))
            )
            name = self.path.split("?")[0].strip("/")
            if name == "silent":
                threading.Event().wait(1)
                return
            self.send_response(int(name) if name.isdigit() else 200)
            if name in ("301", "302"):
                self.send_header("Location", "/after")
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b'{"a":1}')

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    echo.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield echo
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(tmp_path: Path, echo: Echo) -> Any:
    """run(lua): a resource with this script, after a second."""
    server = GameServer(tmp_path, truth=TrueTime(1_800_000_000), convars={"url": echo.url})
    server.answer_within = 0.3

    def run(script: str, *, name: str = "script") -> Resource:
        files = {"fxmanifest.lua": MANIFEST + b"server_script 'a.lua'\n", "a.lua": script.encode()}
        server.install(files, name=name)
        return server.start(name, seconds=10)

    return run


def call(arguments: str, path: str = "/x") -> str:
    return f"""
    PerformHttpRequest(GetConvar("url", "") .. "{path}", function(status, body, headers, detail)
        print(status, body, type(headers), detail)
    end, {arguments})
    """


def test_a_request_leaves_by_the_servers_address_and_says_who_asks(run: Any, echo: Echo) -> None:
    assert run(call('"GET"')).console == ['200\t{"a":1}\ttable\t']

    (seen,) = echo.seen
    assert (seen.method, seen.path, seen.peer) == ("GET", "/x", "127.0.0.2")
    assert seen.headers["user-agent"] == "FXServer/PerformHttpRequest"


@pytest.mark.parametrize("status", [400, 404, 429, 503])
def test_a_failure_has_no_body_and_no_headers_but_a_text(status: int, run: Any) -> None:
    """2."""
    console = run(call('"POST", "{}"', f"/{status}")).console

    assert console == [f'{status}\tnil\ttable\tHTTP {status}: {{"a":1}}']


def test_no_answer_in_time_is_status_0_after_a_while(run: Any) -> None:
    """3."""
    resource = run(
        'local began = GetGameTimer()\n PerformHttpRequest(GetConvar("url", "") .. "/silent", '
        "function(status, body) print(status, body, GetGameTimer() - began) end)"
    )

    assert resource.console == ["0\tnil\t300"]


def test_a_body_without_a_type_goes_out_as_a_form(run: Any, echo: Echo) -> None:
    """4."""
    run(call('"POST", json.encode({ a = 1 })'))
    run(call('"POST", json.encode({}), { ["Content-Type"] = "application/json" }'))
    run(call('"POST", ""'))

    form, typed, empty = echo.seen
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form.body == '{"a":1}'
    assert (typed.headers["content-type"], typed.body) == ("application/json", "[]")
    assert "content-length" not in empty.headers
    assert "content-type" not in empty.headers


def test_a_redirected_post_arrives_without_its_body(run: Any, echo: Echo) -> None:
    """5."""
    run(call('"POST", "hello"', "/302"))

    assert [(seen.method, seen.path, seen.body) for seen in echo.seen] == [
        ("POST", "/302", "hello"),
        ("POST", "/after", ""),
    ]


def test_a_redirect_that_is_not_to_be_followed_is_handed_over(run: Any, echo: Echo) -> None:
    console = run(call('"POST", "hello", {}, { followLocation = false }', "/301")).console

    assert console == ['301\t{"a":1}\ttable\t']
    assert len(echo.seen) == 1


def test_a_header_that_is_no_string_is_an_error(run: Any) -> None:
    """6."""
    with pytest.raises(ScriptFault, match="not a string"):
        run(call('"GET", "", { ["X-Number"] = 1 }'))


@pytest.mark.parametrize(
    "script",
    [
        "x += 1",
        "local hash = `adder`",
        "print(a?.b)",
        'require("x")',
        'io.open("/etc/passwd")',
        "os.exit()",
        'os.execute("true")',
        'SaveResourceFile(GetCurrentResourceName(), "../x", "", -1)',
        'SaveResourceFile(GetCurrentResourceName(), "/tmp/x", "", -1)',
        "local answer = nil; print(answer.user)",
        'CreateThread(function() Wait(10); error("later") end)',
    ],
)
def test_what_does_not_work_there_does_not_work_here(script: str, run: Any) -> None:
    """7. Extras that stock Lua cannot parse included: the loader must not need them."""
    with pytest.raises(ScriptFault):
        run(script)


def test_each_resource_has_a_state_and_files_of_its_own(run: Any) -> None:
    run('shared = 1; SaveResourceFile("script", "note", "hello", -1)')

    other = run('print(shared, LoadResourceFile("script", "note"))', name="other")
    again = run('print(shared, LoadResourceFile("script", "note"))')

    assert (other.console, again.console) == (["nil\tnil"], ["nil\thello"])


def test_threads_wait_in_the_order_of_time(run: Any) -> None:
    resource = run("""
    SetTimeout(300, function() print("c", GetGameTimer()) end)
    CreateThread(function()
        print("a", GetGameTimer())
        Wait(200)
        print("b", GetGameTimer())
    end)
    AddEventHandler("hello", function(who) Wait(500); print("d", who) end)
    TriggerEvent("hello", "world")
    """)

    assert [line.split("\t")[0] for line in resource.console] == ["a", "b", "c", "d"]
    moments = [int(line.split("\t")[1]) for line in resource.console[:3]]
    assert [moment - moments[0] for moment in moments] == [0, 200, 300]


def test_a_stopped_resource_does_nothing_any_more(run: Any) -> None:
    resource = run("""
    AddEventHandler("onResourceStop", function(name) print("stopping", name) end)
    CreateThread(function()
        Wait(100)
        StopResource(GetCurrentResourceName())
        Wait(100)
        print("still here")
    end)
    """)

    assert resource.console == ["stopping\tscript"]
    assert resource.is_stopped


anything = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.text("abc\u0e01", min_size=1), inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


@given(anything)
def test_json_comes_back_as_it_went(value: Any) -> None:
    lua = LuaRuntime()
    source = (Path(tests.support.__file__).parent / "fivem_json.lua").read_text()
    again = lua.eval(
        f"function(text) local j = (function() {source} end)() return j.encode(j.decode(text)) end"
    )

    assert json.loads(again(json.dumps(value))) == value
    assert json.loads(again(json.dumps(value, ensure_ascii=False))) == value
