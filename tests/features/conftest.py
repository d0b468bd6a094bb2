"""The random histories of the timeline's tests, for the tests of features."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "timeline"))
