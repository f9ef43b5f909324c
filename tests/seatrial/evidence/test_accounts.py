"""USER as a runtime resolves it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.evidence.accounts import resolve

PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
toor:x:0:0:another name for root:/root:/bin/sh
appuser:x:1001:1001:app:/app:/usr/sbin/nologin
grouped:x:1002:0:in the group of root:/:/usr/sbin/nologin
shadowed:x:1003:1003::/:/bin/sh
shadowed:x:0:0::/:/bin/sh
"""
GROUP = """root:x:0:helper
daemon:x:1:
appgroup:x:1001:
wheel:x:0:
shared:x:2000:appuser,helper
"""
MEMBER = PASSWD + "helper:x:1004:1004::/:/bin/sh\n"


@pytest.mark.parametrize(
    ("written", "uid", "gid"),
    [
        ("", 0, 0),
        ("0", 0, 0),
        ("00", 0, 0),
        ("+0", 0, 0),
        ("-0", 0, 0),
        ("000000000000000", 0, 0),
        ("root", 0, 0),
        ("toor", 0, 0),
        ("0:1001", 0, 1001),
        (":1001", 0, 1001),
        ("1001", 1001, 1001),
        ("+1001", 1001, 1001),
        ("01001", 1001, 1001),
        ("1001:", 1001, 1001),
        ("1001:0", 1001, 0),
        ("1001:00", 1001, 0),
        ("1001:root", 1001, 0),
        ("1001:wheel", 1001, 0),
        ("1001:1001", 1001, 1001),
        ("appuser:appgroup", 1001, 1001),
        ("appuser:nobody-knows", 1001, None),
        ("grouped", 1002, 0),
        ("1002", 1002, 0),
        ("4242", 4242, 0),
        ("4242:4242", 4242, 4242),
        ("nobody-knows", None, None),
        ("nobody-knows:0", None, 0),
        ("2147483647", 2147483647, 0),
        ("2147483648", None, None),
        ("4294967296", None, None),
        ("9" * 5000, None, None),
        ("-1", None, None),
        ("0x0", None, None),
        ("1_000", None, None),
        ("\u0660", None, None),
        ("1001 ", None, None),
        ("shadowed", 1003, 1003),
    ],
)
def test_every_spelling_of_a_user(written: str, uid: int | None, gid: int | None) -> None:
    account = resolve(written, PASSWD, GROUP)
    assert (account.uid, account.gid) == (uid, gid)


@pytest.mark.parametrize(
    "line", ["hidden:x::", "hidden:x", "hidden", "hidden:x:zero:zero:::", "hidden:x: :5::/:/bin/sh"]
)
def test_an_id_that_cannot_be_read_is_0_as_for_runc(line: str) -> None:
    assert resolve("hidden", f"{line}\n", "").uid == 0


@pytest.mark.parametrize(
    ("written", "groups"), [("helper", (0, 2000)), ("1004", (0, 2000)), ("helper:1004", ()), ("appuser", (2000,))]
)
def test_groups_that_list_the_user_are_joined(written: str, groups: tuple[int, ...]) -> None:
    assert resolve(written, MEMBER, GROUP).groups == groups


@pytest.mark.parametrize("passwd", ["", "\n\n", ":::", "root", "\r\n:x:0:0", "a:b:c:d:e:f:g:h:i"])
def test_a_broken_passwd_is_no_crash(passwd: str) -> None:
    assert resolve("root", passwd, passwd).written == "root"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.text(max_size=80), st.text(max_size=80))
def test_any_text_gives_ids_in_range(written: str, passwd: str, group: str) -> None:
    account = resolve(written, passwd, group)
    for number in (account.uid, account.gid, *account.groups):
        assert number is None or 0 <= number < 2**31
