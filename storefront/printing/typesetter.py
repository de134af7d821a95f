"""Setting one paper, in a process of its own: `python -m storefront.printing.typesetter <template>`
reads the data as JSON from the standard input and writes the PDF to the standard output."""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

import typst

from storefront.paths import PAPER_FONTS

MOST_MEMORY: Final = 1024 * 1024 * 1024
MOST_CPU_SECONDS: Final = 8


def main() -> None:
    """Exit code 1 and the reason on the standard error when it cannot be set."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not any(PAPER_FONTS.glob("*.ttf")):
        sys.exit(f"no fonts in {PAPER_FONTS}: python -m storefront.assets_build")
    template = sys.argv[1]
    try:
        # The machine's own fonts stand in for letters that ours lack, in a buyer's name perhaps.
        paper = typst.compile(
            template,
            root=os.path.dirname(template),
            font_paths=[str(PAPER_FONTS)],
            sys_inputs={"data": sys.stdin.buffer.read().decode()},
        )
    except typst.TypstError as error:
        sys.exit(f"typst: {error}")
    sys.stdout.buffer.write(paper)


if __name__ == "__main__":
    main()
