"""The tasks: what `--list` and `--help` say, and what becomes of errors."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from seatrial import build, demo, develop, doctor, ledger, lifecycle, proof, setup
from seatrial.errors import Code, ExitCode, SeatrialError

NAMES = sorted(tasks.namespace.task_names)


def options_of(name: str) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(tasks.namespace[name].body).parameters)
    return dict(list(parameters.items())[1:])


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained(name: str) -> None:
    task = tasks.namespace[name]
    explained = {key.replace("-", "_") for key in task.help}
    assert explained == set(options_of(name))
    assert all(isinstance(text, str) and text.strip() for text in task.help.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_default(name: str) -> None:
    assert all(parameter.default is not inspect.Parameter.empty for parameter in options_of(name).values())


@pytest.mark.parametrize("name", NAMES)
def test_every_task_says_in_one_line_what_it_does(name: str) -> None:
    first = (tasks.namespace[name].__doc__ or "").strip().splitlines()[0]
    assert first.endswith((".", "]."))
    assert len(first) <= 110


def test_the_listing_names_every_task_once() -> None:
    listed = [name for names in tasks.LISTING.values() for name in names]
    assert sorted(listed) == NAMES


MEANT = {"account": "a", "network": "", "asset": ""}
CALLS: list[tuple[str, dict[str, Any], Any, str, dict[str, Any]]] = [
    ("setup", {"engine": True}, setup, "run", {"engine": True, "ipfs": False, "rotate_token": False}),
    ("doctor", {}, doctor, "run", {}),
    ("build", {"no_cache": True}, build, "task", {"no_cache": True, "progress": "auto"}),
    ("up", {"prod": True, "build": True}, lifecycle, "up", {"production": True, "build": True}),
    ("down", {"volumes": True, "yes": True}, lifecycle, "down", {"volumes": True, "confirmed": True}),
    ("ps", {}, lifecycle, "ps", {}),
    ("logs", {"follow": True, "service": "redis"}, lifecycle, "logs", {"follow": True, "service": "redis"}),
    ("smoke", {}, lifecycle, "smoke", {}),
    ("demo", {}, demo, "run", {}),
    ("ledger.load", {}, ledger, "load", {}),
    ("ledger.credit", {"account": "a", "amount": "1"}, ledger, "credit", {**MEANT, "amount": "1"}),
    ("ledger.debit", {"account": "a", "amount": "1"}, ledger, "debit", {**MEANT, "amount": "1"}),
    ("ledger.show", {"account": "a"}, ledger, "show", MEANT),
    (
        "test",
        {"docker": False, "browser": False, "match": "x"},
        develop,
        "test",
        {"docker": False, "browser": False, "match": "x"},
    ),
    ("fuzz", {"minutes": "30"}, develop, "fuzz", {"minutes": "30"}),
    ("lint", {}, develop, "lint", {}),
    ("lock", {}, develop, "lock", {}),
    ("clean", {}, develop, "clean", {}),
]


@pytest.mark.parametrize(("name", "given", "module", "function", "handed_on"), CALLS)
def test_every_option_is_handed_on(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    given: dict[str, Any],
    module: Any,
    function: str,
    handed_on: dict[str, Any],
) -> None:
    calls: list[dict[str, Any]] = []

    def remember(*_args: Any, **kwargs: Any) -> int:
        calls.append(kwargs)
        return 0

    monkeypatch.setattr(module, function, remember)
    tasks.namespace[name](Context(), **given)
    assert calls == [handed_on]


def test_every_option_of_verify_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def remember(*given: Any) -> int:
        seen.append(next(one for one in given if isinstance(one, proof.Options)))
        return 0

    monkeypatch.setattr(proof, "start", remember)
    monkeypatch.setattr(proof, "print_list", remember)
    given: dict[str, Any] = {"only": "a", "skip": "b", "image": "c", "static": True, "format": "json", "output": "d"}
    given |= {"against": "e", "watch": True}
    tasks.namespace["verify"](Context(), **given)
    tasks.namespace["verify"](Context(), list=True, only="image")
    assert seen == [proof.Options(**given), proof.Options(only="image")]


def test_every_task_was_called_above() -> None:
    assert sorted([name for name, *_ in CALLS] + ["verify"]) == NAMES


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (SeatrialError(Code.USAGE, "bad", hint="do better"), ExitCode.USAGE, "error[usage]: bad\n  next: do better\n"),
        (SeatrialError(Code.PORT_TAKEN, "taken"), ExitCode.MACHINE, "error[port-taken]: taken\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted: what was started has been removed\n"),
        (BrokenPipeError(), ExitCode.UNPROVEN, ""),
        (KeyError("gone"), ExitCode.UNPROVEN, "error[unexpected]: KeyError: 'gone' ("),
        (1, ExitCode.BROKEN, ""),
        (4, ExitCode.UNPROVEN, ""),
    ],
)
def test_errors_are_a_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Any, code: ExitCode, said: str
) -> None:
    def run(*_args: Any) -> int:
        if isinstance(outcome, BaseException):
            raise outcome
        return int(outcome)

    monkeypatch.setattr(lifecycle, "ps", run)
    with pytest.raises(Exit) as caught:
        tasks.namespace["ps"](Context())
    assert caught.value.code == code
    written = capsys.readouterr().err
    assert written.startswith(said)
    assert "Traceback" not in written


def test_a_task_that_did_its_work_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for outcome in (0, None):
        monkeypatch.setattr(lifecycle, "ps", lambda *_args, outcome=outcome: outcome)
        tasks.namespace["ps"](Context())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
def test_dry_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    context = Context()
    context.config.run.dry = True
    with pytest.raises(Exit) as caught:
        tasks.namespace[name](context)
    assert caught.value.code == ExitCode.USAGE
    assert "--dry shows nothing here" in capsys.readouterr().err


def test_the_namespace_is_one_that_invoke_loads() -> None:
    assert isinstance(tasks.namespace, Collection)
