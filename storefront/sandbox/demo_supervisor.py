"""Brings the demo up in order, keeps it alive, and takes it down again with nothing left."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from storefront.sandbox.demo_plan import (
    ROOT,
    Command,
    Plan,
    PlanMaker,
    Service,
    Step,
    shop_plan,
    summary_path,
)
from storefront.sandbox.demo_records import (
    end_leftovers,
    forget_processes,
    forget_steps,
    is_step_done,
    note_step,
    write_processes,
)
from storefront.sandbox.demo_report import remove_report
from storefront.sandbox.demo_settings import (
    Ports,
    Secrets,
    choose_ports,
    kept_secrets,
    process_environment,
    shop_settings,
    write_private,
)
from storefront.sandbox.services.lock import FolderLock
from storefront.sandbox.services.ports import LOOPBACK, answers, is_port_free
from storefront.sandbox.services.postgres import PostgresServer
from storefront.sandbox.services.process import (
    InterruptedStartError,
    ServiceError,
    run_to_end,
    start_process,
    stop_process,
    tail,
    wait_until,
)
from storefront.sandbox.services.valkey import ValkeyServer

START_SECONDS = 120.0
STEP_SECONDS = 180.0
LONGEST_PAUSE_SECONDS = 5.0
SETTLED_SECONDS = 20.0


@dataclass
class Watched:
    """One service and how often it has died lately."""

    name: str
    service: Service
    deaths: int = 0
    launched_at: float = 0.0
    due_at: float | None = None


class Supervisor:
    """One demo in one folder. `start`, then `watch` until interrupted, and always `stop`.

    All three belong into one thread, the one that lives as long as the demo: on Linux the
    children die with the thread that started them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        interrupted: Callable[[], bool],
        say: Callable[[str], None],
        make_plan: PlanMaker = shop_plan,
    ) -> None:
        self.folder = folder
        self.first_page_seconds = 0.0
        self._port = port
        self._interrupted = interrupted
        self._say = say
        self._make_plan = make_plan
        self._lock = FolderLock(folder)
        self._watched: list[Watched] = []
        self._preparing: subprocess.Popen[bytes] | None = None

    @property
    def is_owner(self) -> bool:
        """Whether the folder is ours, and with it the duty to `stop`."""
        return self._lock.is_held

    def start(self) -> Ports:
        """Bring everything up and wait for the first page.

        Raises FolderBusyError, ServiceError (with the failing log's tail), InterruptedStartError.
        """
        # A demo that is just going down (its `make` was killed) gets a moment to finish.
        self._lock.acquire(patience=3.0)
        remove_report(self.folder)
        # Before the port is looked at: the killed demo's own web server may still hold it.
        end_leftovers(self.folder)
        if self._port and not is_port_free(self._port):
            raise ServiceError(
                f"Port {self._port} is taken by another program. Choose one: make demo PORT=8001"
            )
        ports = choose_ports(self.folder, web=self._port)
        kept = kept_secrets(self.folder)
        plan = self._make_plan(self.folder, ports, kept)
        started = time.monotonic()
        self._bring_up(plan, ports, kept)
        self.first_page_seconds = time.monotonic() - started
        return ports

    def watch(self) -> None:
        """Restart what dies, each time after a longer pause, until interrupted."""
        while not self._interrupted():
            for watched in self._watched:
                self._look_after(watched)
            time.sleep(0.1)

    def stop(self) -> None:
        """Take everything down, web first and the database last, and free the folder."""
        if self._preparing is not None:
            stop_process(self._preparing, ((signal.SIGKILL, 2.0),))
        for watched in self._watched:
            if isinstance(watched.service, Command) and watched.name != "sandbox":
                watched.service.ask_to_stop()
        for watched in _in_order_of_leaving(self._watched):
            watched.service.stop()
        if self._watched:
            end_leftovers(self.folder)
        self._watched.clear()
        forget_processes(self.folder)
        self._lock.release()

    def _bring_up(self, plan: Plan, ports: Ports, kept: Secrets) -> None:
        self._launch_command("sandbox", plan.sandbox, process_environment(self.folder, {}))
        redis = ValkeyServer(self.folder / "valkey", log=self._log("valkey"))
        self._launch("valkey", redis, partial(redis.launch, port=ports.valkey))
        database = PostgresServer(self.folder / "postgres", log=self._log("postgres"))
        settings = shop_settings(
            ports, kept, database_url=database.settle(port=ports.postgres), redis_url=redis.url
        )
        write_private(self.folder / "environment.json", json.dumps(settings, indent=1))
        environment = process_environment(self.folder, settings)
        if database.is_new or not summary_path(self.folder).exists():
            forget_steps(self.folder)
        # Preparation and web server spend a second on imports before they ask for anything:
        # meanwhile the database is made. Whoever would use it at once starts after the first page.
        self._begin_step("prepare", plan.prepare, environment)
        launch = partial(database.launch, interrupted=self._interrupted)
        self._launch("postgres", database, launch)
        self._launch_command("web", plan.shop["web"], environment)
        redis.wait_ready(interrupted=self._interrupted)
        database.wait_ready(interrupted=self._interrupted)
        for port in (ports.sandbox, ports.smtp, ports.s3):
            self._wait_for("sandbox", partial(answers, port))
        self._finish_step("prepare", plan.prepare)
        self._wait_for("web", lambda: _is_healthy(ports.web))
        for name in ("worker", "scheduler"):
            self._launch_command(name, plan.shop[name], environment)

    def _launch_command(
        self, name: str, argv: tuple[str, ...], environment: Mapping[str, str]
    ) -> None:
        self._launch(name, Command(argv, env=environment, log=self._log(name)))

    def _launch(
        self, name: str, service: Service, launch: Callable[[], None] | None = None
    ) -> None:
        if self._interrupted():
            raise InterruptedStartError
        service.log.unlink(missing_ok=True)
        # Known before it runs: whatever happens in between, `stop` will look after it.
        watched = Watched(name, service)
        self._watched.append(watched)
        (launch or service.launch)()
        watched.launched_at = time.monotonic()
        self._record()

    def _begin_step(self, name: str, step: Step, environment: Mapping[str, str]) -> None:
        """Start a preparation, unless nothing it would do has changed since it last succeeded."""
        if is_step_done(self.folder, name, step.version):
            return
        log = self._log(name)
        log.unlink(missing_ok=True)
        self._preparing = start_process(
            step.argv, log=log, cwd=ROOT, env=environment, death_signal=signal.SIGKILL
        )

    def _finish_step(self, name: str, step: Step) -> None:
        """Wait for the end of a preparation that was started."""
        if self._preparing is None:
            return
        if not run_to_end(self._preparing, seconds=STEP_SECONDS, interrupted=self._interrupted):
            log = self._log(name)
            raise ServiceError(f"{name} failed; the end of {log}:\n{tail(log)}")
        self._preparing = None
        note_step(self.folder, name, step.version)

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        watched = next(one for one in self._watched if one.name == name)
        service = watched.service
        came = wait_until(
            lambda: not service.is_running() or ready(),
            seconds=START_SECONDS,
            interrupted=self._interrupted,
            pause=0.05,
        )
        if not came or not service.is_running():
            what = "is not ready yet" if service.is_running() else "stopped"
            raise ServiceError(f"{name} {what}; the end of {service.log}:\n{tail(service.log)}")

    def _look_after(self, watched: Watched) -> None:
        now = time.monotonic()
        if watched.due_at is None and not watched.service.is_running():
            settled = now - watched.launched_at > SETTLED_SECONDS
            watched.deaths = 1 if settled else watched.deaths + 1
            pause = min(0.1 * 2**watched.deaths, LONGEST_PAUSE_SECONDS)
            watched.due_at = now + pause
            self._say(f"{watched.name} died; starting it again ({watched.service.log})")
        if watched.due_at is not None and now >= watched.due_at:
            watched.due_at = None
            watched.launched_at = now
            try:
                watched.service.launch()
            except (ServiceError, OSError) as error:
                self._say(f"{watched.name} cannot be started: {error}")
            self._record()

    def _record(self) -> None:
        write_processes(
            self.folder, {watched.name: watched.service.pid for watched in self._watched}
        )

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"


def _in_order_of_leaving(watched: Sequence[Watched]) -> list[Watched]:
    """The shop's processes, then the outside world, then what both stand on."""
    last = ("sandbox", "valkey", "postgres")
    return sorted(watched, key=lambda one: last.index(one.name) if one.name in last else -1)


def _is_healthy(port: int) -> bool:
    """Whether the shop calls itself healthy and shows its first page."""
    return _status(port, "/health") == 200 and _status(port, "/") == 200


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
