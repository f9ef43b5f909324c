"""Dockerfiles as BuildKit reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.evidence.dockerfile import Instruction, filled, parse


def read(text: str) -> list[tuple[str, str, int]]:
    return [(instruction.word, instruction.value, instruction.line) for instruction in parse(text).instructions]


def base(text: str) -> str:
    return parse(text).stages[-1].base


def test_continued_lines_lose_comments_and_blank_lines_inside() -> None:
    text = "FROM a:1\nRUN one && \\\n  # a comment\n\n    two && \\  \n\t# another\n  three\nUSER 1\n"
    assert read(text) == [("RUN", "one && two && three", 2), ("USER", "1", 8)]


def test_words_in_lower_case_and_tabs() -> None:
    assert read("from\ta:1 as x\nrun\techo  hi\n") == [("RUN", "echo  hi", 2)]
    assert parse("from\ta:1 as Builder\n").stages[0].name == "builder"


def test_two_escapes_are_a_character() -> None:
    assert read("FROM a:1\nENV A=C:\\\\\nUSER 0\n") == [("ENV", "A=C:\\\\", 2), ("USER", "0", 3)]


@pytest.mark.parametrize(
    ("head", "joined"),
    [
        ("# escape=`\n", True),
        ("#escape = `\n", True),
        ("# ESCAPE=`\n", True),
        ("# syntax=docker/dockerfile:1\n# escape=`\n", True),
        ("\n# escape=`\n", False),
        ("# a comment\n# escape=`\n", False),
        ("FROM x:1\n# escape=`\n", False),
        ("# escape=%\n", False),
    ],
)
def test_the_escape_directive(head: str, *, joined: bool) -> None:
    values = [value for word, value, _ in read(f"{head}FROM a:1\nRUN one `\n  two\n") if word == "RUN"]
    assert values == (["one two"] if joined else ["one `"])


def test_a_here_document_is_part_of_its_instruction() -> None:
    text = "FROM a:1\nRUN <<EOF\nUSER 0\nEOF\nUSER 1001\n"
    assert read(text) == [("RUN", "<<EOF\nUSER 0\nEOF", 2), ("USER", "1001", 5)]


@pytest.mark.parametrize(
    "opened",
    ["RUN cat <<'A B' >x", "RUN echo $((1<<n))", "RUN cat <<<EOF", "RUN cat << EOF", "ENV A=<<EOF", "LABEL a=<<EOF"],
)
def test_what_only_looks_like_a_here_document(opened: str) -> None:
    assert ("USER", "0", 3) in read(f"FROM a:1\n{opened}\nUSER 0\nEOF\n")


def test_two_here_documents_and_stripped_tabs() -> None:
    text = 'FROM a:1\nCOPY <<a <<-"b" /x/\n1\na\n2\n\tb\nUSER 1\n'
    assert [word for word, _, _ in read(text)] == ["COPY", "USER"]


def test_an_unended_here_document_ends_with_the_file() -> None:
    assert read("FROM a:1\nRUN <<EOF\nx\n")[0][0] == "RUN"


def test_carriage_returns_and_a_byte_order_mark() -> None:
    assert read("\ufeffFROM a:1\r\nUSER 1001:1001\r\n") == [("USER", "1001:1001", 2)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("[]", []),
        ("['a']", None),
        ('["a", 1]', None),
        ('["a"] || true', None),
        ("a b", None),
        ('{"a": 1}', None),
        ("", None),
        ("[" * 100_000, None),
    ],
)
def test_exec_form(value: str, words: list[str] | None) -> None:
    assert Instruction("CMD", value, 1).exec_form == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('--interval=5s --timeout=3s CMD ["a"]', ["a"]),
        ('cmd ["a"]', ["a"]),
        ("CMD curl -f http://127.0.0.1 || exit 1", None),
        ("NONE", None),
    ],
)
def test_exec_form_of_a_health_check(value: str, words: list[str] | None) -> None:
    assert Instruction("HEALTHCHECK", value, 1).exec_form == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARG A=python:3.13\nFROM ${A}\n", "python:3.13"),
        ("ARG A=python:3.13\nFROM $A AS x\n", "python:3.13"),
        ('ARG A="python:3.13"\nFROM --platform=$BUILDPLATFORM ${A}\n', "python:3.13"),
        ("ARG V=3.13 N=python\nFROM ${N}:${V}\n", "python:3.13"),
        ("ARG V=3.13\nARG A=python:$V\nFROM $A\n", "python:3.13"),
        ("ARG A\nFROM ${A:-python:3.13}\n", "python:3.13"),
        ("ARG A\nFROM ${A-python:3.13}\n", "python:3.13"),
        ("ARG A=x\nFROM python:${A:+3.13}\n", "python:3.13"),
        ("FROM python:${A:+3.13}\n", "python:"),
        ("ARG A\nFROM ${A}\n", ""),
        ("FROM\n", ""),
    ],
)
def test_arguments_before_from(text: str, expected: str) -> None:
    assert base(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A=1 B=2", {"A": "1", "B": "2"}),
        ("A=\"x y\" B='z w'", {"A": "x y", "B": "z w"}),
        ("A=x\\ y B=2", {"A": "x\\ y", "B": "2"}),
        ("REDIS_PASSWORD secret word", {"REDIS_PASSWORD": "secret word"}),
        ("TOKEN", {"TOKEN": ""}),
        ("", {}),
    ],
)
def test_assignments(value: str, expected: dict[str, str]) -> None:
    assert Instruction("ENV", value, 1).assignments == expected


def test_filled_knows_only_what_it_is_told() -> None:
    assert filled("$A-${B}-${C:-d}", {"A": "1"}) == "1--d"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "FROM a",
                "RUN <<EOF",
                "EOF",
                "# escape=`",
                "\\",
                "`",
                "",
                "\t",
                "ARG A=${A",
                "CMD [",
                "HEALTHCHECK CMD",
                "\x00",
                "ONBUILD",
            ]
        )
        | st.text(max_size=12),
        max_size=8,
    )
)
def test_no_text_is_a_crash(lines: list[str]) -> None:
    for instruction in parse("\n".join(lines)).instructions:
        assert instruction.word == instruction.word.upper()
        assert instruction.exec_form is None or instruction.assignments is not None
