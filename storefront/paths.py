"""Where things lie in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Made at set-up, like the browser assets, but for the press alone: nothing here is served.
PAPER_FONTS = ROOT / "build" / "fonts"
