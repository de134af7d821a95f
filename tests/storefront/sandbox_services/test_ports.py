"""Ports of a demo."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest

from storefront.sandbox.demo_settings import choose_ports
from storefront.sandbox.services import ports


def test_no_two_servers_of_a_demo_are_promised_the_same_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([1, 1, 2, 2, 3, 1, 4, 5, 5, 6, 7])
    monkeypatch.setattr("secrets.randbelow", lambda _most: next(drawn))
    monkeypatch.setattr(ports, "is_port_free", lambda _port: True)

    chosen = astuple(choose_ports(tmp_path, web=0))

    assert len(set(chosen)) == len(chosen)
