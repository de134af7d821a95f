"""What a running demo says about itself: `demo.json` for scripts, a few lines for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from storefront.sandbox.demo_plan import summary_path
from storefront.sandbox.demo_settings import Ports


def write_report(folder: Path, ports: Ports) -> dict[str, object]:
    """Write `demo.json` in one step, and return what it says.

    {"url", "sandbox_url", "inbox_url", "users": [{"name", "role", "discord_id"}],
     "licenses": [{"key", "product", "status", "owner"}]}
    """
    summary = json.loads(summary_path(folder).read_text())
    report: dict[str, object] = {
        "url": ports.url,
        "sandbox_url": ports.sandbox_url,
        "inbox_url": f"{ports.sandbox_url}/inbox",
        "users": summary.get("users", []),
        "licenses": summary.get("licenses", []),
    }
    draft = folder / "demo.json.new"
    draft.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    draft.replace(folder / "demo.json")
    return report


def remove_report(folder: Path) -> None:
    """No demo runs here any more."""
    (folder / "demo.json").unlink(missing_ok=True)


def summary_lines(folder: Path, report: Mapping[str, object], *, seconds: float) -> list[str]:
    """What to print when the first page is there."""
    users = report["users"]
    people = users if isinstance(users, list) else []
    names = ", ".join(f"{one['name']} ({one['role']})" for one in people) or "see the sandbox"
    return [
        "",
        f"  The shop is open:  {report['url']}/      in English: {report['url']}/en",
        f"  Sign in:           with Discord, as {names}",
        f"  Mail lands in:     {report['inbox_url']}",
        f"  Outside world:     {report['sandbox_url']}   (Stripe, Discord, mail, files)",
        f"  For scripts:       {folder / 'demo.json'}    logs: {folder / 'logs'}",
        "",
        f"  First page {seconds:.1f} s after the services' start. Ctrl-C stops; the data stays.",
        "",
    ]
