"""What a suspect is: something in the tables that looks as if it was written with knowledge of the ending."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Suspect:
    """One suspect.

    Attributes
    ----------
    suspect : str
        What it is.
    table : str
        Where.
    count, of : int
        Rows (or episodes, clients) concerned, and of how many.
    kind : str
        Key of `mechanisms.KINDS`.
    why : str
        What was seen, and why it matters.
    what_to_do : str
    share : float
        `count / of`.
    """

    suspect: str
    table: str
    count: int
    of: int
    kind: str
    why: str
    what_to_do: str
    share: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", self.count / self.of if self.of else 0.0)
