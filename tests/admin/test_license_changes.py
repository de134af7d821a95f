"""What staff do to licences: said before it is done, to one or to many, with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from storefront.bootstrap import Shop
from storefront.kit.clock import in_shop_zone
from storefront.licenses.models import License
from tests.admin.licensing import audits, binds, bought, now_in
from tests.support.browser import submit, text_of_page
from tests.support.factories import Factory, SignIn

LIST = "/en/admin/licenses"


class TestChanging:
    """Each change says what it will do, asks why, and is told when it came second."""

    @pytest.mark.parametrize(
        ("change", "before", "after", "audit"),
        [
            ("suspend", "active", "suspended", "suspend_license"),
            ("restore", "suspended", "active", "restore_license"),
            ("revoke", "active", "revoked", "revoke_license"),
            ("revoke", "suspended", "revoked", "revoke_license"),
        ],
    )
    def test_the_status_changes_with_a_reason_and_an_audit_entry(
        self,
        shop: Shop,
        staff: FlaskClient,
        make: Factory,
        change: str,
        before: str,
        after: str,
        audit: str,
    ) -> None:
        license = bought(shop, make)
        with shop.database.transaction() as session:
            session.execute(update(License).values(status=before))
        address = f"{LIST}/{license.id}/changes/{change}"

        page = staff.get(address)
        assert "What will happen" in page.text
        assert now_in(shop, license.id).status == before
        answer = submit(staff, page, address.removeprefix("/en"), reason="Asked in the chat")

        assert answer.location == f"{LIST}/{license.id}"
        assert now_in(shop, license.id).status == after
        (entry,) = audits(shop)
        assert (entry.action, entry.detail["reason"]) == (audit, "Asked in the chat")

    def test_without_a_reason_nothing_is_done(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)
        address = f"{LIST}/{license.id}/changes/revoke"

        answer = submit(staff, staff.get(address), address.removeprefix("/en"), reason="  ")

        assert answer.status_code == 422
        assert now_in(shop, license.id).status == "active"
        assert audits(shop) == []

    def test_the_second_of_two_is_told_and_sees_what_is_there_now(
        self, shop: Shop, app: Flask, staff: FlaskClient, make: Factory, sign_in: SignIn
    ) -> None:
        license = bought(shop, make)
        other = app.test_client()
        sign_in(other, make.user(role="admin"))
        suspends, revokes = (f"{LIST}/{license.id}/changes/{one}" for one in ("suspend", "revoke"))
        mine, theirs = staff.get(revokes), other.get(suspends)
        submit(other, theirs, suspends.removeprefix("/en"), reason="Looks shared")

        answer = submit(staff, mine, revokes.removeprefix("/en"), reason="Looks shared")

        assert answer.status_code == 409
        assert "Suspended" in answer.text
        assert now_in(shop, license.id).status == "suspended"
        assert len(audits(shop)) == 1
        # Having seen it, one may still want it.
        submit(staff, answer, revokes.removeprefix("/en"), reason="Looks shared")
        assert now_in(shop, license.id).status == "revoked"

    def test_days_are_added_to_the_end(self, shop: Shop, staff: FlaskClient, make: Factory) -> None:
        license = bought(shop, make)
        assert license.expires_at is not None

        extend(staff, license, length="days", days="10")

        assert now_in(shop, license.id).expires_at == license.expires_at + timedelta(days=10)

    def test_a_day_is_reached_at_the_same_hour(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)
        assert license.expires_at is not None
        wanted = in_shop_zone(license.expires_at).date() + timedelta(days=3)

        extend(staff, license, length="until", until=wanted.isoformat())

        end = now_in(shop, license.id).expires_at
        assert end == license.expires_at + timedelta(days=3)

    def test_the_end_can_be_taken_away(self, shop: Shop, staff: FlaskClient, make: Factory) -> None:
        license = bought(shop, make)

        extend(staff, license, length="forever")

        assert now_in(shop, license.id).expires_at is None

    @pytest.mark.parametrize(
        "typed",
        [
            {"length": "days", "days": "0"},
            {"length": "days", "days": "-3"},
            {"length": "days", "days": "99999"},
            {"length": "days", "days": "ten"},
            {"length": "until", "until": ""},
            {"length": "until", "until": "2020-01-01"},
            {"length": "until", "until": "9999-12-31"},
            {"length": "sometimes"},
            {"length": ""},
        ],
    )
    def test_lengths_that_are_none_are_refused(
        self, shop: Shop, staff: FlaskClient, make: Factory, typed: dict[str, str]
    ) -> None:
        license = bought(shop, make)

        assert extend(staff, license, **typed).status_code in (409, 422)

        assert now_in(shop, license.id).expires_at == license.expires_at

    def test_one_slot_is_freed_and_the_others_stay(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)
        binds(shop, license, "203.0.113.1/32")
        binds(shop, license, "203.0.113.2/32", position=2)
        address = f"{LIST}/{license.id}/changes/free?network=203.0.113.1/32"

        page = staff.get(address)
        assert "203.0.113.1/32" in text_of_page(page)
        assert "203.0.113.2/32" not in text_of_page(page)
        submit(staff, page, "/changes/free", reason="Moved house")

        words = text_of_page(staff.get(f"{LIST}/{license.id}"))
        assert "1 / 2" in words

    def test_all_servers_are_reset_and_the_key_is_changed(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)
        binds(shop, license, "203.0.113.1/32")

        for change in ("reset", "rotate"):
            address = f"{LIST}/{license.id}/changes/{change}"
            submit(
                staff, staff.get(address), f"/changes/{change}", reason="Key was shown on stream"
            )

        now = now_in(shop, license.id)
        assert now.key_hash != license.key_hash
        assert "0 / 2" in text_of_page(staff.get(f"{LIST}/{license.id}"))
        assert [one.action for one in audits(shop)] == ["reset_slots", "rotate_license_key"]

    def test_a_change_without_meaning_is_not_offered_and_not_done(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)
        with shop.database.transaction() as session:
            session.execute(update(License).values(status="revoked"))

        page = staff.get(f"{LIST}/{license.id}")
        assert "/changes/" not in page.text
        address = f"{LIST}/{license.id}/changes/suspend"
        answer = submit(staff, staff.get(address), "/changes/suspend", reason="Why not")

        assert answer.status_code == 409
        assert now_in(shop, license.id).status == "revoked"

    def test_an_unknown_change_is_not_found(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        license = bought(shop, make)

        assert staff.get(f"{LIST}/{license.id}/changes/delete").status_code == 404


def extend(staff: FlaskClient, license: License, **typed: str) -> Any:
    address = f"{LIST}/{license.id}/changes/extend"
    return submit(staff, staff.get(address), "/changes/extend", reason="Outage", **typed)


class TestNote:
    """What staff should know; of two who write at once the second is told."""

    def test_a_note_is_kept_and_its_owner_never_sees_it(
        self, shop: Shop, staff: FlaskClient, make: Factory, app: Flask, sign_in: SignIn
    ) -> None:
        license = bought(shop, make)
        page = staff.get(f"{LIST}/{license.id}")

        submit(staff, page, "/note", note="Runs a large city\nKnown by name")

        assert now_in(shop, license.id).note == "Runs a large city\nKnown by name"
        assert "Runs a large city" in staff.get(f"{LIST}/{license.id}").text

    def test_the_second_writer_is_told(self, shop: Shop, staff: FlaskClient, make: Factory) -> None:
        license = bought(shop, make)
        first, second = (staff.get(f"{LIST}/{license.id}") for _ in range(2))
        submit(staff, first, "/note", note="One")

        assert submit(staff, second, "/note", note="Two").status_code == 409
        assert now_in(shop, license.id).note == "One"


class TestSelections:
    """Many at once: said first, then done, and told what was refused and why."""

    def chosen(self, staff: FlaskClient, licenses: list[License], change: str, **typed: str) -> Any:
        data = {"license": [str(one.id) for one in licenses], "change": change, **typed}
        return staff.post(f"{LIST}/changes", data=data)

    def test_first_it_says_what_will_happen_to_which(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        licenses = [bought(shop, make) for _ in range(3)]

        page = self.chosen(staff, licenses, "suspend")

        assert page.status_code == 200
        assert "Suspend: 3 licences" in text_of_page(page)
        assert {now_in(shop, one.id).status for one in licenses} == {"active"}
        submit_many = self.chosen(
            staff, licenses, "suspend", confirmed="1", reason="Leaked in a chat"
        )
        assert submit_many.location == LIST
        assert "3 licences were changed" in staff.get(LIST).text
        assert {now_in(shop, one.id).status for one in licenses} == {"suspended"}
        assert [one.action for one in audits(shop)] == ["suspend_license"] * 3

    def test_what_is_refused_is_told_with_its_reason(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        licenses = [bought(shop, make) for _ in range(3)]
        with shop.database.transaction() as session:
            session.execute(
                update(License).where(License.id == licenses[1].id).values(status="revoked")
            )

        page = self.chosen(staff, licenses, "suspend", confirmed="1", reason="Leaked")

        words = text_of_page(page)
        assert "2 licences were changed" in words
        assert licenses[1].key_hint in words
        assert [now_in(shop, one.id).status for one in licenses] == [
            "suspended",
            "revoked",
            "suspended",
        ]
        assert len(audits(shop)) == 2

    @pytest.mark.parametrize("change", ["restore", "extend", "revoke"])
    def test_the_other_three_work_on_many_too(
        self, shop: Shop, staff: FlaskClient, make: Factory, change: str
    ) -> None:
        licenses = [bought(shop, make) for _ in range(2)]
        if change == "restore":
            with shop.database.transaction() as session:
                session.execute(update(License).values(status="suspended"))

        self.chosen(staff, licenses, change, confirmed="1", reason="Sorry", length="days", days="5")

        now = [now_in(shop, one.id) for one in licenses]
        assert {one.status for one in now} == ({"revoked"} if change == "revoke" else {"active"})
        if change == "extend":
            assert [one.expires_at for one in now] == [
                one.expires_at + timedelta(days=5) for one in licenses if one.expires_at
            ]

    def test_without_a_reason_none_is_changed(
        self, shop: Shop, staff: FlaskClient, make: Factory
    ) -> None:
        licenses = [bought(shop, make) for _ in range(2)]

        assert self.chosen(staff, licenses, "revoke", confirmed="1").status_code == 422

        assert {now_in(shop, one.id).status for one in licenses} == {"active"}

    @pytest.mark.parametrize("change", ["rotate", "reset", "free", "", "delete"])
    def test_what_is_for_one_alone_is_not_done_to_many(
        self, shop: Shop, staff: FlaskClient, make: Factory, change: str
    ) -> None:
        license = bought(shop, make)

        answer = self.chosen(staff, [license], change, confirmed="1", reason="x")

        assert answer.location == LIST
        assert now_in(shop, license.id).key_hash == license.key_hash

    def test_an_empty_selection_is_said(self, staff: FlaskClient) -> None:
        assert self.chosen(staff, [], "revoke").location == LIST
        assert "Choose at least one licence" in staff.get(LIST).text
