"""`make demo`: the whole shop on one machine, with real servers and a stand-in outside world.

python -m storefront.sandbox.demo        PORT=8000  DEMO_DIR=.demo
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from storefront.sandbox.demo_plan import ROOT, PlanMaker, shop_plan
from storefront.sandbox.demo_report import remove_report, summary_lines, write_report
from storefront.sandbox.demo_supervisor import Supervisor
from storefront.sandbox.services.lock import FolderBusyError
from storefront.sandbox.services.process import InterruptedStartError, ServiceError

DEFAULT_PORT = 8000


class StopRequest:
    """Remembers that somebody wants an end: a signal, or the parent's death where we follow it.

    Signals only set a flag. An exception out of a handler could fall between the start of a
    server and the note that it runs, and leak it.
    """

    def __init__(self) -> None:
        self._asked = False
        self._parent: int | None = None

    def listen(self) -> None:
        """Install the handlers; before the first service starts. SIGHUP stays ignored under
        nohup."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._ask)

    def follow(self, parent: int) -> None:
        """Stop as well when this parent is gone: a killed `make` leaves no demo behind."""
        self._parent = parent

    def __call__(self) -> bool:
        return self._asked or (self._parent is not None and os.getppid() != self._parent)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def main(arguments: list[str] | None = None, *, make_plan: PlanMaker = shop_plan) -> int:
    """Run the demo until it is asked to stop; the exit code for the shell."""
    stop_request = StopRequest()
    stop_request.listen()
    parser = argparse.ArgumentParser(prog="demo", description="The whole shop on this machine.")
    parser.add_argument(
        "--dir", type=Path, default=Path(os.environ.get("DEMO_DIR") or ROOT / ".demo")
    )
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or DEFAULT_PORT)
    parser.add_argument("--stop-with-parent", action="store_true")
    options = parser.parse_args(arguments)
    if options.stop_with_parent:
        stop_request.follow(os.getppid())
    return run(options.dir, port=options.port, stop_request=stop_request, make_plan=make_plan)


def run(folder: Path, *, port: int, stop_request: StopRequest, make_plan: PlanMaker) -> int:
    """Start, watch, stop. 0 after a wanted end, 1 with a clear message after any other."""
    folder = folder.expanduser().resolve()
    supervisor = Supervisor(
        folder, port=port, interrupted=stop_request, say=_say, make_plan=make_plan
    )
    try:
        _say("Starting PostgreSQL, Valkey, the sandbox and the shop ...")
        ports = supervisor.start()
        report = write_report(folder, ports)
        for line in summary_lines(folder, report, seconds=supervisor.first_page_seconds):
            _say(line)
        supervisor.watch()
    except InterruptedStartError:
        pass
    except FolderBusyError as error:
        _say(
            f"A demo already runs in {error.folder} (process {error.holder or 'unknown'}). "
            "Stop it, or use another folder: make demo DEMO_DIR=.demo-2 PORT=8001"
        )
        return 1
    except (ServiceError, OSError, ValueError) as error:
        _say(f"The demo cannot start. {error}")
        return 1
    finally:
        if supervisor.is_owner:
            _say("Stopping ...")
            remove_report(folder)
            supervisor.stop()
    return 0


def _say(line: str) -> None:
    """Print, unless whoever listened has gone: a closed terminal must not keep us from ending."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
