"""A simulated FiveM game server: real Lua 5.4, real HTTP, a clock that moves when a test says so.

Each resource has a Lua state of its own, as on FXServer, with the functions of `fivem.lua` in it.
HTTP requests leave by the address the server was given (127.0.0.2, 127.0.0.3 ... are all this
machine), so that the shop sees servers with different addresses. What FXServer's HTTP client does
differently from others is done here too; the numbers in the comments are those of the list "Facts
about the game server" in docs/loader.md.
"""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from lupa.lua54 import LuaRuntime

HERE = Path(__file__).parent
DEFAULT_TYPE = "application/x-www-form-urlencoded"
LONGEST_ANSWER_SECONDS = 5.0
MOST_REDIRECTS = 5


class ScriptFault(AssertionError):
    """A script raised an error; a real server would print it and go on."""


@dataclass(frozen=True)
class Answer:
    """What a request came to: status 0 when nothing came in time."""

    status: int
    body: str | None
    headers: Mapping[str, str]
    detail: str


@dataclass
class TrueTime:
    """What time it really is, in Unix seconds: for the shop and for whoever has a good clock."""

    now: float

    def clock(self) -> datetime:
        """As the shop's clock."""
        return datetime.fromtimestamp(self.now, UTC)


class Resource:
    """A script that runs on a game server."""

    def __init__(self, server: GameServer, name: str, folder: Path) -> None:
        self.name, self.folder, self._server = name, folder, server
        # Nothing of Python is handed in: only texts and numbers cross the border.
        lua = LuaRuntime(
            encoding="utf-8",
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
        )
        make = lua.eval(
            "function(text, jsonText, name, folder, store) return assert(load(text, '@fivem.lua'))"
            "(assert(load(jsonText))(), name, folder, store, io.open) end"
        )
        self._host = make(
            (HERE / "fivem.lua").read_text(),
            (HERE / "fivem_json.lua").read_text(),
            *(name, str(folder), str(server.store)),
        )
        self._keep_time()
        for key, value in server.convars.items():
            self._host.setConvar(key, value)

    @property
    def console(self) -> list[str]:
        """What it printed."""
        return self._list(self._host.console())

    @property
    def events(self) -> list[list[Any]]:
        """The events it triggered, each with its arguments."""
        return self._list(self._host.events())

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped, by itself or by the server."""
        return bool(self._host.isStopped())

    def export(self, name: str) -> Any:
        """What one of its exports answers to another resource."""
        return json.loads(self._host.callExport(name))

    def trigger(self, event: str, *values: Any) -> None:
        """Something happens that it may have a handler for."""
        self._host.trigger(event, *values)
        self._server.settle()

    def set_convar(self, name: str, value: str) -> None:
        """As `set` on the console does while the server runs."""
        self._host.setConvar(name, value)

    def load(self) -> None:
        """Read the manifest and run the server scripts it names."""
        manifest = (self.folder / "fxmanifest.lua").read_text()
        for path in filter(None, self._host.readManifest(manifest).split("\n")):
            if not path.startswith("@"):
                self._host.run((self.folder / path).read_text(), path)

    def stop(self) -> None:
        """Stop it, as `stop <name>` on the console does."""
        self._host.stop()
        self._server.settle()

    def wake(self) -> int:
        """When it wants to run next, in milliseconds of the server's timer; -1 for never."""
        return int(self._host.nextWake())

    def run_due(self) -> None:
        """Run what is due now, and let its requests have their answers."""
        self._keep_time()
        self._host.runDue()

    def exchange(self) -> bool:
        """Send what it asked for and hand over the answers. Whether there was anything."""
        sent = self._list(self._host.takeRequests())
        for request in sent:
            answer = self._server.perform(request)
            self._keep_time()
            self._host.answer(
                *(request["token"], answer.status, answer.body),
                *(json.dumps(dict(answer.headers)), answer.detail),
            )
        return bool(sent)

    def check_faults(self) -> None:
        """Raise ScriptFault for the first error in its Lua."""
        if faults := self._list(self._host.faults()):
            raise ScriptFault(f"{self.name}: {faults[0]}")

    def _keep_time(self) -> None:
        self._host.setTime(self._server.wall, self._server.timer_ms)

    @staticmethod
    def _list(text: str) -> list[Any]:
        return list(json.loads(text))


class GameServer:
    """A game server with an address, a clock and a folder of resources.

    `token` is what the platform's key makes the server known by. `wall` is the computer's clock in
    seconds, which may be wrong; `timer_ms` runs on by itself and cannot be turned. `truth` is the
    real time, which moves on with the server.
    """

    def __init__(
        self,
        folder: Path,
        *,
        address: str = "127.0.0.2",
        token: str = "token-of-a-test-server",
        truth: TrueTime,
        convars: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.address, self.wall = folder, address, truth.now
        self._truth, self._now = truth, truth.now
        self.timer_ms = 60_000
        self.answer_within = LONGEST_ANSWER_SECONDS
        self.convars = {"sv_licenseKeyToken": token, **(convars or {})}
        self.store = folder / "db"
        self.store.mkdir(parents=True, exist_ok=True)
        self.resources: dict[str, Resource] = {}
        self.requests: list[dict[str, Any]] = []
        self.answers: list[Answer] = []

    def install(self, files: Mapping[str, bytes], *, name: str) -> Path:
        """Put a resource into the folder; files that it wrote itself stay."""
        folder = self.folder / "resources" / name
        for path, body in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
        return folder

    def start(self, name: str, *, seconds: float = 5) -> Resource:
        """Start a resource, again if it runs, and give it some seconds."""
        if name in self.resources and not self.resources[name].is_stopped:
            self.resources[name].stop()
        resource = Resource(self, name, self.folder / "resources" / name)
        self.resources[name] = resource
        resource.load()
        self.run(seconds)
        return resource

    def crash(self) -> None:
        """The process is gone: no resource was told to stop. The timer begins anew."""
        self.resources.clear()
        self.timer_ms = 60_000

    def turn_clock(self, seconds: float) -> None:
        """Set the computer's clock forth, or back."""
        self.wall += seconds

    def run(self, seconds: float) -> None:
        """Let time pass. Raises ScriptFault when a script raised an error."""
        end = self.timer_ms + round(seconds * 1000)
        self.settle()
        while True:
            wakes = [wake for resource in self.resources.values() if (wake := resource.wake()) >= 0]
            if not wakes or min(wakes) > end:
                break
            self._pass_until(max(self.timer_ms, min(wakes)))
            for resource in self.resources.values():
                resource.run_due()
            self.settle()
        self._pass_until(end)
        for resource in self.resources.values():
            resource.check_faults()

    def settle(self) -> None:
        """Exchange requests and answers until there are none left."""
        while sum(resource.exchange() for resource in self.resources.values()):
            pass

    def copy_to(self, other: GameServer, name: str) -> None:
        """Copy a resource's folder, with everything it wrote into it."""
        shutil.copytree(
            self.folder / "resources" / name,
            other.folder / "resources" / name,
            dirs_exist_ok=True,
        )

    def perform(self, request: dict[str, Any]) -> Answer:
        """One request of FXServer's HTTP client."""
        self.requests.append({**request, "at": self._now})
        answer = self._perform(
            request["url"],
            method=request["method"],
            data=request["data"].encode(),
            # An empty Lua table arrives as a list.
            headers=dict(request["headers"] or {}),
            follow=MOST_REDIRECTS if request["follow"] else 0,
        )
        if answer.status == 0:
            self._pass_until(self.timer_ms + round(self.answer_within * 1000))
        self.answers.append(answer)
        return answer

    def _pass_until(self, timer_ms: int) -> None:
        passed = (timer_ms - self.timer_ms) / 1000
        self.wall, self._now, self.timer_ms = self.wall + passed, self._now + passed, timer_ms
        # Servers run one after the other; the world is where the one ahead is.
        self._truth.now = max(self._truth.now, self._now)

    def _perform(
        self, url: str, *, method: str, data: bytes, headers: dict[str, str], follow: int
    ) -> Answer:
        # No certificate is checked (1): whoever answers at the address is believed to be it.
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(
            str(parts.hostname),
            parts.port or 80,
            timeout=self.answer_within,
            source_address=(self.address, 0),
        )
        try:
            self._send(connection, url, method=method, data=data, headers=headers)
            reply = connection.getresponse()
            body = reply.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            # Nothing within five seconds is status 0 (3), and so is no connection.
            return Answer(0, None, {}, f"HTTP 0: {type(error).__name__}")
        finally:
            connection.close()
        location = reply.headers.get("Location")
        if location and follow and reply.status in (301, 302, 303, 307, 308):
            # A POST is repeated without its body (5).
            return self._perform(
                urljoin(url, location), method=method, data=b"", headers=headers, follow=follow - 1
            )
        if reply.status >= 400:
            # The callback sees no body and no headers; the text is in its fourth argument (2).
            return Answer(reply.status, None, {}, f"HTTP {reply.status}: {body}")
        return Answer(reply.status, body, dict(reply.headers), "")

    @staticmethod
    def _send(
        connection: http.client.HTTPConnection,
        url: str,
        *,
        method: str,
        data: bytes,
        headers: dict[str, str],
    ) -> None:
        parts = urlsplit(url)
        connection.putrequest(
            method, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        )
        names = {name.lower() for name in headers}
        if "user-agent" not in names:
            connection.putheader("User-Agent", "FXServer/PerformHttpRequest")
        for name, value in headers.items():
            connection.putheader(name, value)
        if data:
            # JSON that does not say so goes out as a form (4).
            if "content-type" not in names:
                connection.putheader("Content-Type", DEFAULT_TYPE)
            connection.putheader("Content-Length", str(len(data)))
        # An empty POST has no Content-Length (4).
        connection.endheaders(data or None)
