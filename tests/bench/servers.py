"""The servers that are measured: the shop as the demo starts it, and bare Flask beside it under
the same server with the same options."""

from __future__ import annotations

import http.client
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from storefront.sandbox.demo_plan import WEB_OPTIONS, Command
from storefront.sandbox.demo_settings import process_environment
from storefront.sandbox.demo_stack import DemoStack
from storefront.sandbox.services.ports import LOOPBACK, choose_port
from storefront.sandbox.services.process import wait_until

START_SECONDS = 120
SHOP, FLOOR = "wsgi:app", "tests.bench.floor:app"


@contextmanager
def running_stack() -> Iterator[DemoStack]:
    """A demo in a folder of its own, removed afterwards."""
    folder = Path(mkdtemp(prefix="storefront-bench-"))
    folder.chmod(0o711)
    stack = DemoStack(folder)
    try:
        yield stack.start(timeout=180)
    finally:
        stack.destroy()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_web(
    stack: DemoStack, app: str, *, first_path: str, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[str, float]]:
    """A second web server over the demo's database, or with other `settings`; its address, and the
    seconds it took until `first_path` was answered. Raises RuntimeError when it is not."""
    port = choose_port()
    command = Command(
        (
            *(sys.executable, "-m", "granian", *WEB_OPTIONS),
            *("--host", LOOPBACK, "--port", str(port), app),
        ),
        env=process_environment(stack.folder, {**stack.environment, **(settings or {})}),
        log=stack.folder / "logs" / f"bench-{port}.log",
    )
    began = time.monotonic()
    command.launch()
    try:
        if not wait_until(lambda: _answers(port, first_path), seconds=START_SECONDS, pause=0.01):
            raise RuntimeError(f"{app} did not start: {command.log.read_text()[-2000:]}")
        yield f"http://{LOOPBACK}:{port}", time.monotonic() - began
    finally:
        command.stop()


def workers_memory_mb(parent: int) -> list[float]:
    """The resident memory of each child of a web server in MB (Linux; elsewhere empty)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = dict(
                line.split(":", 1) for line in (process / "status").read_text().splitlines()
            )
        except (OSError, ValueError):
            continue
        if fields.get("PPid", "").strip() == str(parent) and "VmRSS" in fields:
            found.append(int(fields["VmRSS"].split()[0]) / 1024)
    return found


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
