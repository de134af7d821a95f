"""The order of versions is that of Semantic Versioning, in Python and in the database."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semver import Version
from sqlalchemy import select

from storefront.catalog.models import Release
from storefront.catalog.versions import LONGEST, version_key
from storefront.db import Database
from storefront.errors import Invalid
from tests.support.factories import Factory

# The example of semver.org, section 11, with neighbours that sort wrongly as text.
IN_ORDER = [
    "0.9.9",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0--",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-1",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.9.0",
    "1.10.0",
    "2.0.0-beta.1",
    "2.0.0",
    "10.0.0",
]

numbers = st.integers(0, 10**12 - 1).map(str) | st.sampled_from(["0", "1", "2", "9", "10", "11"])
words = st.from_regex(r"[0-9A-Za-z-]{0,3}[A-Za-z-][0-9A-Za-z-]{0,3}", fullmatch=True)
cores = st.tuples(numbers, numbers, numbers).map(".".join)
versions = st.builds(
    lambda core, tail: f"{core}-{'.'.join(tail)}" if tail else core,
    cores,
    st.lists(words | st.integers(0, 10**6).map(str), max_size=4),
).filter(lambda version: len(version) <= LONGEST)


@settings(max_examples=1_000)
@given(versions, versions)
def test_keys_compare_like_versions(first: str, second: str) -> None:
    expected = Version.parse(first).compare(second)

    ours, theirs = version_key(first).encode(), version_key(second).encode()

    assert (ours > theirs) - (ours < theirs) == expected


def test_the_database_sorts_by_precedence(database: Database, make: Factory) -> None:
    product = make.product()
    with database.transaction() as session:
        for old in session.scalars(select(Release).where(Release.product_id == product.id)):
            session.delete(old)
        session.flush()
        for version in sorted(IN_ORDER):
            session.add(
                Release(
                    product_id=product.id,
                    version=version,
                    changelog_th="",
                    changelog_en="",
                    file_key=version,
                    file_name="a.zip",
                    size_bytes=1,
                    sha256="0" * 64,
                )
            )

    with database.reading() as session:
        found = session.scalars(select(Release.version).order_by(Release.version_key)).all()

    assert found == IN_ORDER


@pytest.mark.parametrize(
    "version",
    [
        *("", "1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-a..b", "1.2.3-01"),
        *(" 1.2.3", "1.2.3\n", "1.2.3+build", "๑.๒.๓", "1.2.3-ก", "1.2.3 ", "1.2.-3"),
        *("1." + "9" * 13 + ".0", "1.2.3-" + "a" * 40, "latest"),
    ],
)
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(Invalid) as refused:
        version_key(version)

    assert refused.value.code == "bad_version"
