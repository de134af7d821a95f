"""Starting, stopping, starting again, and refusing to start."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import stripe

from storefront.sandbox.serve import RefusedToStart, main, start_sandbox
from tests.storefront.sandbox.conftest import Listener, s3_client, session_params, stripe_client
from tests.storefront.sandbox.test_mail import a_mail, send


def test_what_happened_is_still_there_after_a_restart(tmp_path: Path, shop: Listener) -> None:
    first = start_sandbox(tmp_path)
    gateway = stripe_client(first)
    options: stripe.RequestOptions = {"idempotency_key": "order-7"}
    session = gateway.v1.checkout.sessions.create(session_params(), options)
    requests.post(f"{first.url}/control/stripe/sessions/{session.id}/pay", timeout=5)
    send(first, a_mail())
    user = {"id": "100000000000000009", "username": "fah"}
    requests.post(f"{first.url}/control/discord/users", json=user, timeout=5)
    s3 = s3_client(first)
    s3.put_object(Bucket="shop", Key="a/é.zip", Body=b"one", ContentType="application/zip")
    s3.put_object(Bucket="shop", Key="a/é.zip", Body=b"two", ContentType="application/zip")
    s3.put_object(Bucket="shop", Key="gone.zip", Body=b"gone")
    s3.delete_objects(Bucket="shop", Delete={"Objects": [{"Key": "gone.zip"}]})
    first.close()

    second = start_sandbox(tmp_path, webhook_url=shop.url)
    try:
        gateway = stripe_client(second)
        again = gateway.v1.checkout.sessions.create(session_params(), options)
        assert again.id == session.id
        assert gateway.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
        assert shop.wait_for_type("checkout.session.completed")
        assert len(requests.get(f"{second.url}/inbox.json", timeout=5).json()) == 1
        stored = s3_client(second).get_object(Bucket="shop", Key="a/é.zip")
        assert (stored["Body"].read(), stored["ContentType"]) == (b"two", "application/zip")
        listed = s3_client(second).list_objects_v2(Bucket="shop")["Contents"]
        assert len(listed) == 1
    finally:
        second.close()


def test_two_sandboxes_side_by_side_keep_their_files_apart(tmp_path: Path) -> None:
    one, two = start_sandbox(tmp_path / "one"), start_sandbox(tmp_path / "two")
    try:
        s3_client(one).put_object(Bucket="shop", Key="a", Body=b"one")
        assert s3_client(two).list_objects_v2(Bucket="shop")["KeyCount"] == 0
    finally:
        one.close()
        two.close()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_starts_prints_its_addresses_and_leaves_when_told(
    tmp_path: Path, stop: signal.Signals
) -> None:
    command = [sys.executable, "-m", "storefront.sandbox.serve", "--data-dir", str(tmp_path)]
    environment = {**os.environ, "ENVIRONMENT": "demo"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        assert requests.get(addresses["url"], timeout=5).status_code == 200
        asked = time.monotonic()
        process.send_signal(stop)
        assert process.wait(timeout=5) == 0
        assert time.monotonic() - asked < 2


def test_the_sandbox_never_starts_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert main(["--data-dir", str(tmp_path / "data")]) == 2
    assert "never starts with ENVIRONMENT=production" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_the_sandbox_binds_the_loopback_only(tmp_path: Path) -> None:
    with pytest.raises(RefusedToStart, match="loopback only"):
        start_sandbox(tmp_path, host="0.0.0.0")


def test_a_taken_port_is_a_clear_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    running = start_sandbox(tmp_path / "one")
    port = running.url.rpartition(":")[2]
    try:
        assert main(["--data-dir", str(tmp_path / "two"), "--port", port]) == 2
        assert "Address already in use" in capsys.readouterr().err
    finally:
        running.close()
