"""What a person sees: in a pipe, in CI, on a terminal."""

from __future__ import annotations

import pytest

from seatrial import console, wording


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


def test_results_and_progress_go_different_ways(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("a result")
    console.say()
    console.tell("about the work")
    console.warn("careful")
    written = capsys.readouterr()
    assert written.out == "a result\n\n"
    assert written.err == "about the work\n! careful\n"


def test_a_step_in_a_pipe_is_one_line_at_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wording, "command", "seatrial")
    with console.step("building") as step:
        step.note("quickly passing by")
        step.done("built", next="./invoke up")
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [written.err.strip()]
    assert written.err.startswith("ok built (0.")
    assert written.err.endswith("s)  next: seatrial up\n")


def test_a_step_that_says_nothing_is_named_by_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    with console.step("building"):
        pass
    assert capsys.readouterr().err.startswith("ok building (")


def test_a_long_step_in_a_pipe_shows_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with console.step("building") as step:
        step.started -= 2 * console.QUIET_SECONDS
        step.note("compiling\n")
        step.note("  \n")
    assert capsys.readouterr().err.splitlines()[0] == "  building: compiling"


def test_plain_shows_every_note(capsys: pytest.CaptureFixture[str]) -> None:
    with console.step("building", plain=True) as step:
        step.note("one")
        step.note("two")
    assert capsys.readouterr().err.splitlines()[:2] == ["  building: one", "  building: two"]


def test_a_failed_step_is_not_said_to_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), console.step("building"):
        raise ValueError("no")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("CI", "1"), ("TERM", "dumb")])
def test_ci_and_dumb_terminals_get_plain_lines(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    terminal(monkeypatch)
    assert console.is_terminal()
    monkeypatch.setenv(variable, value)
    assert not console.is_terminal()


def test_a_terminal_shows_live_what_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch)
    shown: list[str] = []

    class Status:
        def start(self) -> None:
            shown.append("started")

        def stop(self) -> None:
            shown.append("stopped")

        def update(self, text: str) -> None:
            shown.append(text)

    monkeypatch.setattr(console, "_status", lambda _title: Status())
    with console.step("building") as step:
        step.note("[bold]x[/bold]" + "y" * 200)
    with pytest.raises(KeyboardInterrupt), console.step("building"):
        raise KeyboardInterrupt
    assert shown[0] == "started"
    assert shown[1].startswith("building: (bold)x(/bold)yyy")
    assert len(shown[1]) < 130
    assert shown[2:] == ["stopped", "started", "stopped"]


def test_a_real_terminal_line_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    status = console._status("building")
    status.start()
    status.update("still building")
    status.stop()


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert console.paint("x", "red") == "x"
    terminal(monkeypatch)
    assert console.paint("x", "red") == "\x1b[31mx\x1b[0m"
    assert console._mark("ok") == "\x1b[32mok\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert console.paint("x", "red") == "x"
    assert console._mark("!") == "!"
