"""Seeded bugs that no longer fit the code would prove nothing; trying them takes half an hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations.money import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_a_seeded_bug_fits_the_code_in_one_place(mutation: Mutation, root: Path) -> None:
    assert (root / mutation.path).read_text().count(mutation.old) == 1
    assert all((root / test).exists() for test in mutation.tests)
