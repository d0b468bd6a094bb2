"""`python -m dropout` is the command `dropout`."""

from __future__ import annotations

import sys

from dropout.cli import main

sys.exit(main())
