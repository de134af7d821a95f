"""Do the models and the migrations agree? `python -m storefront.sandbox.check_migrations`.

Migrates an empty database of its own, so nothing needs to be configured.
"""

from __future__ import annotations

import sys

from storefront.config import sqlalchemy_url
from storefront.db import connect
from storefront.migrate import find_drift, migrate
from storefront.sandbox.services.postgres import temporary_postgres


def main() -> None:
    """Exit code 1 and the list of differences when they do not."""
    with temporary_postgres() as server:
        engine = connect(sqlalchemy_url(server.url))
        migrate(engine)
        drift = find_drift(engine)
        engine.dispose()
    for difference in drift:
        print(difference)
    print("migrations differ from the models" if drift else "migrations are complete")
    sys.exit(1 if drift else 0)


if __name__ == "__main__":
    main()
