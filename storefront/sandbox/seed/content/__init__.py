"""The demo catalogue as data: what a two-person studio would really sell."""

from __future__ import annotations

from .bundles import BUNDLES
from .categories import CATEGORIES
from .city import CITY
from .economy import ECONOMY
from .emergency import EMERGENCY
from .jobs import JOBS
from .model import SeedCategory, SeedProduct, SeedRelease, SeedVariant
from .server import SERVER
from .ui_hud import UI_HUD
from .ui_screens import UI_SCREENS
from .vehicles import VEHICLES

__all__ = ["SeedCategory", "SeedProduct", "SeedRelease", "SeedVariant", "categories", "products"]


def categories() -> tuple[SeedCategory, ...]:
    """All categories, parents before their children."""
    return CATEGORIES


def products() -> tuple[SeedProduct, ...]:
    """All products; bundles come last, so what they contain exists by then."""
    singles = (*VEHICLES, *ECONOMY, *JOBS, *EMERGENCY, *CITY, *SERVER, *UI_HUD, *UI_SCREENS)
    return (*singles, *BUNDLES)
