"""Puts the figures under docs/figures into the pages that show them.

    python benchmarks/embed_figures.py

A page says where with a pair of comments; whatever stands between them is replaced by
docs/figures/NAME.md, or by nothing while there is no such file:

    <!-- figure: NAME -->
    <!-- /figure -->
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_MARK = re.compile(r"<!-- figure: (?P<name>[\w-]+) -->")
_BLOCK = re.compile(
    r"(?P<begin><!-- figure: (?P<name>[\w-]+) -->)\n(?P<body>.*?)(?P<end><!-- /figure -->)",
    re.DOTALL,
)


def pages(root: Path = ROOT) -> list[Path]:
    """Returns the pages that may show figures."""
    return sorted([*root.glob("README*.md"), *(root / "docs").glob("*.md")])


def embed(text: str, folder: Path) -> str:
    """Returns a page with every block filled from `folder`.

    Raises:
        ValueError: a block is not closed, or another one begins within it.
    """
    blocks = list(_BLOCK.finditer(text))
    if len(blocks) != len(_MARK.findall(text)):
        raise ValueError("a figure's block is not closed by a line <!-- /figure -->")
    return _BLOCK.sub(lambda block: _filled(block, folder), text)


def _filled(block: re.Match[str], folder: Path) -> str:
    path = folder / f"{block['name']}.md"
    body = f"\n{path.read_text(encoding='utf-8').strip()}\n\n" if path.is_file() else ""
    return f"{block['begin']}\n{body}{block['end']}"


def main() -> None:
    """Rewrites the pages whose figures have changed, and names them."""
    for page in pages():
        before = page.read_text(encoding="utf-8")
        try:
            after = embed(before, ROOT / "docs" / "figures")
        except ValueError as error:
            sys.exit(f"{page}: {error}")
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
