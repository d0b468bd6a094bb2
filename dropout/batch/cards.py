"""Where a card is written: one file, or a folder of three; never over anything but an earlier card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dropout.batch.atomic import check_folder_place, check_new_file, whole_folder, write_whole_file
from dropout.card import FORMATS, Card, is_card
from dropout.errors import CallError

_ENDINGS = {".md": "md", ".html": "html", ".htm": "html"}


@dataclass(frozen=True)
class Place:
    """A place for a card, found to be free.

    Attributes
    ----------
    path : Path
    format : {"md", "html"}
    whole : bool
        One file with everything in it; otherwise a folder with a file for each document.
    """

    path: Path
    format: str
    whole: bool

    @classmethod
    def at(cls, out: str | Path, format: str | None = None) -> Place:
        """The place of that name; a name that ends in .md or .html is a file, any other a folder.

        Raises
        ------
        CallError
            If something else lies there, it cannot be written, or name and format disagree.
        """
        path = Path(out)
        ending = _ENDINGS.get(path.suffix.lower())
        if ending is None or path.is_dir():
            check_folder_place(path)
            strange = [one.name for one in sorted(path.iterdir()) if not _is_card(one)] if path.is_dir() else []
            if strange:
                raise CallError(f"the folder '{out}' holds something other than an earlier card ('{strange[0]}'), and nothing in "
                                "it will be overwritten. Give another name, or a file that ends in .md or .html.")
            return cls(path, format or FORMATS[0], False)
        if format not in (None, ending):
            raise CallError(f"'{out}' is a name for {ending}, and the format asked for is {format}. Change one of them.")
        check_new_file(path)
        if path.exists() and not _is_card(path):
            raise CallError(f"'{out}' exists and is no card made earlier; it will not be overwritten. Give another name.")
        return cls(path, ending, True)

    def write(self, card: Card) -> list[Path]:
        """The files that now hold the card."""
        if self.whole:
            text = card.html() if self.format == "html" else card.markdown()
            return [write_whole_file(self.path, text.encode())]
        files = card.files(self.format)
        with whole_folder(self.path) as folder:
            for name, text in files.items():
                (folder / name).write_text(text, encoding="utf-8")
        return [self.path / name for name in files]


def _is_card(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return is_card(file.read(400))
