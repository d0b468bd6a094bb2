"""Takes the picture of the README out of the first notebook: `python docs/take_picture.py`.

So the page shows what the notebook shows, and nothing is drawn twice.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

HERE = Path(__file__).parent
NOTEBOOK = HERE.parent / "notebooks" / "01-first-look.ipynb"
PICTURE = HERE / "images" / "silence-clock.png"
CAPTION = "**Figure 2.**"


def picture() -> bytes:
    """The picture in the executed notebook that stands above the sentence beginning with `CAPTION`."""
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        shown = [output.get("data", {}) for output in cell.get("outputs", [])]
        if any("".join(data.get("text/markdown", "")).startswith(CAPTION) for data in shown):
            return next(base64.b64decode(data["image/png"]) for data in shown if "image/png" in data)
    raise SystemExit(f"{NOTEBOOK.name} has no picture above '{CAPTION}'; execute it first: make notebooks")


def main() -> None:
    """Write the picture, and say so."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture())
    print(f"docs/images/{PICTURE.name}")


if __name__ == "__main__":
    main()
