"""Features named on a command line: a function by its module, or a file that holds a frame."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pandas as pd

from dropout.errors import CallError

NAMES = ("client_id", "episode_id", "session_id")


def named_features(name: str) -> Callable[..., pd.DataFrame] | pd.DataFrame:
    """The function called `module:function`, looked for in the working folder too, or the frame in a CSV or Parquet file.

    Importing a module runs it: name only code that you would run.

    Raises
    ------
    CallError
        If there is no such file, module or function, or the module can't be imported.
    """
    path = Path(name)
    if path.suffix.lower() in (".csv", ".parquet"):
        return _frame(path)
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise CallError(f"--features is '{name}'; expected module:function, such as my_features:make for the function make in "
                        "my_features.py, or a file ending in .csv or .parquet")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as wrong:
        if wrong.name is not None and module_name.startswith(wrong.name):
            raise CallError(f"there is no module '{module_name}' here ({here}) or among the installed ones; expected "
                            f"{module_name.replace('.', '/')}.py") from wrong
        raise CallError(f"the module '{module_name}' needs the module '{wrong.name}', which is not installed") from wrong
    except Exception as wrong:
        line = traceback.extract_tb(wrong.__traceback__)[-1].lineno
        raise CallError(f"the module '{module_name}' can't be imported: {type(wrong).__name__} (line {line})") from wrong
    found = getattr(module, function_name, None)
    if not callable(found):
        raise CallError(f"the module '{module_name}' has no function '{function_name}'")
    return found


def _frame(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path, dtype=dict.fromkeys(NAMES, str))
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise CallError(f"there is no file '{path}'") from None
    except (OSError, ValueError) as wrong:
        raise CallError(f"'{path}' can't be read as a table ({type(wrong).__name__})") from wrong
