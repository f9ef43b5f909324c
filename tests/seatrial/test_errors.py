"""Errors: one code each, an exit code, what to do next."""

from __future__ import annotations

import re

import pytest

from seatrial.errors import Code, ExitCode, SeatrialError, unexpected


def test_codes_are_one_word_each_and_never_twice() -> None:
    codes = [code.value.code for code in Code]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(?:-[a-z]+)*", code) for code in codes)
    assert all(code.value.meaning.endswith(".") for code in Code)


def test_exit_codes_are_the_promised_ones() -> None:
    assert {int(code) for code in ExitCode} == {0, 1, 2, 3, 4, 130}
    assert {code.value.exit_code for code in Code} <= {
        ExitCode.BROKEN,
        ExitCode.USAGE,
        ExitCode.MACHINE,
        ExitCode.UNPROVEN,
    }


@pytest.mark.parametrize("code", list(Code))
def test_an_error_says_its_code_what_happened_and_what_next(code: Code) -> None:
    error = SeatrialError(code, "it broke", hint="mend it")
    assert str(error) == f"error[{code.value.code}]: it broke\n  next: mend it"
    assert error.exit_code == int(code.value.exit_code)


def test_without_a_hint_there_is_no_second_line() -> None:
    assert str(SeatrialError(Code.USAGE, "it broke")) == "error[usage]: it broke"


def test_a_defect_says_where_it_is() -> None:
    def deep() -> None:
        raise ZeroDivisionError("by zero")

    try:
        deep()
    except ZeroDivisionError as error:
        made = unexpected(error)
    assert made.exit_code == ExitCode.UNPROVEN
    assert re.search(r"ZeroDivisionError: by zero \(.*test_errors\.py:\d+\)", made.what)
    assert "(unknown place)" in unexpected(ValueError("never raised")).what
