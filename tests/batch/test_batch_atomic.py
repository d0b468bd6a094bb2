"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from dropout.batch import atomic
from dropout.batch.atomic import check_folder_place, check_new_file, check_new_folder, whole_folder, write_whole_file
from dropout.errors import CallError

NOBODY = 65_534
"""Who may write nowhere, by convention."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as folder:
        (folder / "a").write_text("1")
        assert not out.exists()
        assert folder.parent == tmp_path, "a rename from another disk would not be one step"
    assert names(tmp_path) == ["out"] and names(out) == ["a"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_a_failure(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure):
        with whole_folder(tmp_path / "out") as folder:
            (folder / "a").write_text("1")
            raise failure
    assert names(tmp_path) == []


@pytest.mark.parametrize("swaps", [True, False])
def test_an_earlier_folder_is_replaced_as_a_whole(tmp_path: Path, swaps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not swaps:
        monkeypatch.setattr(atomic, "_swap", lambda one, other: False)
    out = tmp_path / "out"
    for content in ("old", "new"):
        with whole_folder(out) as folder:
            (folder / content).write_text(content)
    assert names(tmp_path) == ["out"] and names(out) == ["new"]


@pytest.mark.parametrize("swaps", [True, False])
def test_an_earlier_folder_survives_a_failure(tmp_path: Path, swaps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as folder:
        (folder / "old").write_text("1")
    real = os.replace
    if not swaps:
        monkeypatch.setattr(atomic, "_swap", lambda one, other: False)

        def replace(one: Path, other: Path) -> None:
            if str(one).endswith(".partial") and other == out and (Path(one) / "new").exists():
                raise OSError(28, "No space left on device")
            real(one, other)

        monkeypatch.setattr(os, "replace", replace)
    with pytest.raises((CallError, ValueError)):
        with whole_folder(out) as folder:
            (folder / "new").write_text("2")
            if swaps:
                raise ValueError
    assert names(tmp_path) == ["out"] and names(out) == ["old"]


@pytest.mark.skipif(not hasattr(os, "fork") or os.uname().sysname != "Linux", reason="the exchange is Linux's")
def test_linux_swaps_in_one_step(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"was-{name}").write_text("")
    if not atomic._swap(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot exchange")
    assert names(tmp_path / "one") == ["was-other"] and names(tmp_path / "other") == ["was-one"]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to("store")
    with whole_folder(tmp_path / "link") as folder:
        (folder / "a").write_text("1")
    assert (tmp_path / "link").is_symlink() and names(tmp_path / "store") == ["a"]
    (tmp_path / "file").symlink_to("target")
    write_whole_file(tmp_path / "file", b"x")
    assert (tmp_path / "file").is_symlink() and (tmp_path / "target").read_bytes() == b"x"


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = write_whole_file(tmp_path / "m", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CallError, match="cannot be written.*No space left"):
        write_whole_file(out, b"new")
    assert out.read_bytes() == b"old" and names(tmp_path) == ["m"]


def test_places_are_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert check_new_folder(tmp_path / "empty") and check_new_folder(tmp_path / "new")
    assert check_new_file(tmp_path / "file") and check_new_file(tmp_path / "other")
    with pytest.raises(CallError, match="full' is not empty"):
        check_new_folder(tmp_path / "full")
    with pytest.raises(CallError, match="file' is a file"):
        check_folder_place(tmp_path / "file")
    with pytest.raises(CallError, match="full' is a folder"):
        check_new_file(tmp_path / "full")
    for check in (check_new_file, check_folder_place):
        with pytest.raises(CallError, match="missing', in which .* does not exist. Make it first: mkdir -p"):
            check(tmp_path / "missing" / "out")
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(CallError, match="the folder you are in"):
        check_folder_place(".")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no other process can be begun here as somebody who is not root")
def test_a_folder_without_permission_is_named() -> None:
    # Below /tmp and not in pytest's own folder, which nobody but its owner may even look into.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                if os.geteuid() == 0:  # root may write everywhere
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)
                with pytest.raises(CallError, match="cannot be written to"):
                    check_new_file(Path(folder) / "m")
                status = 0
            os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        os.chmod(folder, 0o700)
