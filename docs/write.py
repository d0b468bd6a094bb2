"""Writes the pages of this folder that are made from the code: `python docs/write.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from dropout.tables.columns import columns_markdown

HERE = Path(__file__).parent

# The worked examples of the features are tests; the page is made from them.
sys.path.insert(0, str(HERE.parent / "tests" / "features"))

from write_docs import features_markdown  # noqa: E402


def main() -> None:
    """Write each page again, and say so."""
    for name, page in (("tables.md", columns_markdown), ("features.md", features_markdown)):
        (HERE / name).write_text(page(), encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
