"""A shop made of almost nothing, to try the demo's supervisor in a second instead of ten.

    python -m tests.demo.standin --dir DIR --port PORT

The databases are the real ones; sandbox, web, worker and scheduler only listen or wait.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from storefront.sandbox import demo
from storefront.sandbox.demo_plan import Plan, Step, summary_path
from storefront.sandbox.demo_settings import Ports, Secrets

SUMMARY = {
    "users": [{"name": "mali", "role": "owner", "discord_id": "100000000000000001"}],
    "licenses": [{"key": "KEY", "product": "script", "status": "active", "owner": "mali"}],
}


def standin_plan(folder: Path, ports: Ports, _kept: Secrets) -> Plan:
    """The same places in the order of things as the real shop's programs have."""
    python = (sys.executable, "-m", "tests.demo.standin", "--as")
    prepare_seconds = os.environ.get("STANDIN_PREPARE_SECONDS", "0")
    return Plan(
        sandbox=(*python, "listen", str(ports.sandbox), str(ports.smtp), str(ports.s3)),
        prepare=Step((*python, "prepare", prepare_seconds, str(summary_path(folder))), version="1"),
        shop={
            "web": (*python, os.environ.get("STANDIN_WEB", "web"), str(ports.web)),
            "worker": (*python, "wait", "3600"),
            "scheduler": (*python, "wait", "3600"),
        },
    )


class Page(BaseHTTPRequestHandler):
    """Every address answers 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: object) -> None:
        return


def listen(*ports: str) -> None:
    """Answer on every port until the end."""
    servers = [ThreadingHTTPServer(("127.0.0.1", int(port)), Page) for port in ports]
    for server in servers[1:]:
        if os.fork() == 0:
            server.serve_forever()
    servers[0].serve_forever()


def web(port: str) -> None:
    """A parent and a child on one socket, as a web server with workers has them."""
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Page)
    os.fork()
    server.serve_forever()


def broken(_port: str) -> None:
    """A web server that does not come up."""
    raise SystemExit("the shop cannot start: SECRET_KEY is missing")


def prepare(seconds: str, path: str) -> None:
    """Write the summary, once more each time it runs."""
    time.sleep(float(seconds))
    Path(path).write_text(json.dumps(SUMMARY))
    with Path(path).with_name("prepare-runs").open("a") as runs:
        runs.write("x")


def wait(seconds: str) -> None:
    """Do nothing for a while."""
    time.sleep(float(seconds))


PARTS: dict[str, Callable[..., None]] = {
    "listen": listen,
    "web": web,
    "broken": broken,
    "prepare": prepare,
    "wait": wait,
}

if __name__ == "__main__":
    if sys.argv[1] == "--as":
        PARTS[sys.argv[2]](*sys.argv[3:])
    else:
        sys.exit(demo.main(make_plan=standin_plan))
