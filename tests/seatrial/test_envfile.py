"""The .env file: values out, one assignment in, every other byte as it was."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial import envfile
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from pathlib import Path

ODD = b"# caf\xc3\xa9  \r\n\n  export OTHER='a $B #c'\nPYTHON_IMAGE=old # why\n\tX = 1\nlast=\\n"


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    envfile.assign(tmp_path / ".env", "REDIS_IMAGE", "seatrial/redis:7-bookworm")
    assert (tmp_path / ".env").read_bytes() == b"REDIS_IMAGE=seatrial/redis:7-bookworm\n"
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_a_new_variable_is_appended_and_every_other_byte_stays(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(ODD)
    envfile.assign(path, "REDIS_IMAGE", "r:7")
    assert path.read_bytes() == ODD + b"\nREDIS_IMAGE=r:7\n"


def test_a_variable_is_replaced_in_its_line_and_every_other_byte_stays(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(ODD)
    envfile.assign(path, "PYTHON_IMAGE", "new")
    assert path.read_bytes() == ODD.replace(b"PYTHON_IMAGE=old # why", b"PYTHON_IMAGE=new")


def test_of_several_the_one_that_counts_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\r\nA=2\r\nB=3")
    envfile.assign(path, "A", "9")
    assert path.read_bytes() == b"A=1\r\nA=9\r\nB=3"
    assert envfile.values(path)["A"] == "9"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"A=1\n")
    (tmp_path / ".env").symlink_to("real")
    envfile.assign(tmp_path / ".env", "A", "2")
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"A=2\n"


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    envfile.assign(tmp_path / ".env", "A", "1")
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


@given(
    st.lists(st.sampled_from(["A=1", "B=2", "# A=3", "", "KEY=x", "export KEY=y", " KEY =z"])),
    st.sampled_from(["", "\n"]),
)
def test_assigning_changes_one_variable_only(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str
) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    path.write_text("\n".join(lines) + end, encoding="utf-8")
    before = envfile.values(path)
    envfile.assign(path, "KEY", "new")
    assert envfile.values(path) == {**before, "KEY": "new"}


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SeatrialError, match="is a folder") as raised:
        envfile.values(tmp_path / ".env")
    assert raised.value.code is Code.ENV_FILE
    assert raised.value.hint.startswith("rmdir")


def test_bytes_that_are_not_utf8_are_said_with_their_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(SeatrialError, match="line 2 is not UTF-8"):
        envfile.values(tmp_path / ".env")


def test_nothing_is_interpolated(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\nB=${A}x\n")
    assert envfile.values(tmp_path / ".env") == {"A": "1", "B": "${A}x"}
