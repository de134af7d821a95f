"""The shop without signatures, to measure what they cost. Nothing but the benchmark can start it:
the shop itself has no switch for it.

    granian --interface wsgi tests.bench.unsigned:app
"""

from __future__ import annotations

import dataclasses

from storefront.app import create_app
from storefront.bootstrap import boot
from storefront.config import Settings
from storefront.kit.signing import Signature, SigningKeys
from storefront.logs import init_logging


class NoSigning(SigningKeys):
    """Signs nothing."""

    def sign(self, payload: str) -> Signature:
        """No signature."""
        return Signature("", "")


init_logging()
_shop = boot(Settings.from_env())
app = create_app(dataclasses.replace(_shop, signing=NoSigning(_shop.settings.license_signing_keys)))
