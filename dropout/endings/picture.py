"""A figure that shows itself in a notebook."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure


class Picture(Figure):
    """A figure that Jupyter shows even where pyplot was never used."""

    def _repr_png_(self) -> bytes:
        held = BytesIO()
        self.savefig(held, format="png")
        return held.getvalue()
