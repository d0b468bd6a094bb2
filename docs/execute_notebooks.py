"""Executes the notebooks in place and exports them to reports/: `python docs/execute_notebooks.py [NAME ...]`.

A notebook that needs what is not here (real data beside the project, libraries of the extra `benchmark`) is left as it was
kept, and so is its export; which, and why, is said. A name given that can't be executed is an error.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
REPORTS = ROOT / "reports"
SECONDS_PER_CELL = 600

REAL_VISITS = ROOT.parent / "shared" / "data" / "ctn0094"
ON_REAL_VISITS = ("07-real-visits-ctn0094", "08-against-others")
PEERS = ("lifelines", "hazardous", "sksurv")


def missing(name: str) -> str | None:
    """What a notebook needs and is not here; None if it can be executed."""
    if name in ON_REAL_VISITS and not REAL_VISITS.is_dir():
        return "the CTN-0094 tables are not in ../shared/data/ctn0094, beside the project"
    absent = [peer for peer in PEERS if find_spec(peer) is None]
    if name == "08-against-others" and absent:
        return f"{', '.join(absent)} not installed; make benchmark installs the libraries in an environment of their own"
    return None


def execute(notebook: Path) -> None:
    """Execute one notebook in place and export it, without a page that loads anything from elsewhere."""
    convert = [sys.executable, "-m", "jupyter", "nbconvert"]
    subprocess.run([*convert, "--to", "notebook", "--execute", "--inplace",
                    f"--ExecutePreprocessor.timeout={SECONDS_PER_CELL}", "--ExecutePreprocessor.record_timing=False",
                    str(notebook)], check=True)
    subprocess.run([*convert, "--to", "html", "--output-dir", str(REPORTS), "--HTMLExporter.mathjax_url=",
                    "--HTMLExporter.require_js_url=", str(notebook)], check=True)


def main(names: list[str]) -> int:
    """Exit status: 0 if all that could be executed were; 1 if one failed, or one asked for by name can't be."""
    REPORTS.mkdir(exist_ok=True)
    wanted = [NOTEBOOKS / f"{name}.ipynb" for name in names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for notebook in wanted:
        why = missing(notebook.stem)
        if why is not None and names:
            print(f"{notebook.stem} can't be executed: {why}", file=sys.stderr)
            return 1
        if why is not None:
            print(f"{notebook.stem} is left as it was kept: {why}")
            continue
        try:
            execute(notebook)
        except subprocess.CalledProcessError as wrong:
            return wrong.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
