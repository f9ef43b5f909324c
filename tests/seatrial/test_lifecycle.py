"""A stack's life, as far as no engine is needed: what is asked of whom, what is refused, what is removed again."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import compose, engine, host, ipfs, ledger, lifecycle, secret_files, workspace
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import redis, tree
from seatrial.host import bases
from tests import good
from tests.seatrial.fakes import FakeEngine, Programs, answer, container

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.settings import Settings

PRODUCTION = ("facilitator", "redis-prod")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "sbom.cdx.json").touch()
    return good.settings(root=tmp_path)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    made = FakeEngine()
    monkeypatch.setattr(engine, "connect", lambda: made)
    return made


class Began:
    """What `up` did, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: SeatrialError | None = None) -> None:
        self.steps: list[str] = []
        monkeypatch.setattr(host, "ensure_bases", lambda *_args, **_kwargs: [])
        monkeypatch.setattr(workspace, "prepare", lambda _settings: ["wrote .env"])
        monkeypatch.setattr(workspace, "redis_password", lambda _settings: "x")
        monkeypatch.setattr(ledger.accounts, "is_configured", lambda _settings: False)
        monkeypatch.setattr(tree, "revision", lambda _settings: tree.Revision("abc", 1))
        monkeypatch.setattr(lifecycle, "_build", lambda _settings: self.steps.append("built"))

        def up(_stack: compose.Stack, services: list[str], *, recreate: bool = False, **_options: Any) -> None:
            self.steps.append(f"up {' '.join(services)}{' anew' if recreate else ''}")

        def wait(*_args: Any, **_kwargs: Any) -> None:
            if fails is not None:
                raise fails

        monkeypatch.setattr(compose.Stack, "up", up)
        monkeypatch.setattr(compose.Stack, "down", lambda _stack, **_kwargs: self.steps.append("down"))
        monkeypatch.setattr(compose, "wait_until_healthy", wait)


def image(revision: str) -> dict[str, Any]:
    return {"x402-fac": {"Config": {"Labels": {"org.opencontainers.image.revision": revision}}}}


@pytest.mark.parametrize(
    ("images", "build", "built"),
    [({}, False, True), (image("abc"), False, False), (image("old"), False, True), (image("abc"), True, True)],
)
def test_production_is_built_when_it_must_be(
    settings: Settings,
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    images: dict[str, Any],
    *,
    build: bool,
    built: bool,
) -> None:
    fake.images = images
    began = Began(monkeypatch)
    assert lifecycle.up(settings, production=True, build=build) == 0
    assert began.steps == [*(["built"] if built else []), "up facilitator redis-prod"]


def test_an_image_that_another_checkout_built_is_built_here_too(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.images = image("abc")
    settings.path("dist/sbom.cdx.json").unlink()
    began = Began(monkeypatch)
    lifecycle.up(settings, production=True, build=False)
    assert began.steps == ["built", "up facilitator redis-prod"]


@pytest.mark.parametrize(("here", "services"), [({"x"}, "redis ipfs"), (set(), "redis")])
def test_development_starts_without_ipfs_where_there_is_none(
    settings: Settings,
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    here: set[str],
    services: str,
) -> None:
    assert fake
    monkeypatch.setattr(ipfs, "ensure_ipfs", lambda *_args, **_kwargs: "IPFS is left out")
    monkeypatch.setattr(bases, "in_store", lambda _images: here)
    began = Began(monkeypatch)
    lifecycle.up(settings, production=False, build=False)
    assert began.steps == [f"up {services}"]
    assert ("IPFS is left out" in capsys.readouterr().err) is (not here)


def test_a_failed_start_takes_everything_back(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.images = image("abc")
    began = Began(monkeypatch, fails=SeatrialError(Code.STACK_UNHEALTHY, "no"))
    with pytest.raises(SeatrialError, match="no"):
        lifecycle.up(settings, production=True, build=False)
    assert began.steps[-1] == "down"


def test_a_failed_start_leaves_what_ran_before(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.images = image("abc")
    fake.rounds = [[container("redis-prod")], [container("redis-prod"), container("facilitator"), container("other")]]
    began = Began(monkeypatch, fails=SeatrialError(Code.STACK_UNHEALTHY, "no"))
    with pytest.raises(SeatrialError):
        lifecycle.up(settings, production=True, build=False)
    assert "down" not in began.steps
    assert fake.did == ["removed id-of-facilitator"]


@pytest.mark.parametrize(
    ("started", "changed", "anew"),
    [
        ("2026-01-01T00:00:00.5Z", 1_767_225_700, True),
        ("2026-01-01T00:00:00.5Z", 1_767_225_000, False),
        ("", 1_767_225_700, False),
    ],
)
def test_containers_that_saw_older_secrets_are_replaced(
    settings: Settings, started: str, changed: int, *, anew: bool
) -> None:
    containers = {"redis-prod": container("redis-prod", State={"StartedAt": started})}
    assert not lifecycle._is_out_of_date(settings, containers)
    (settings.root / "secrets").mkdir()
    assert not lifecycle._is_out_of_date(settings, containers)
    file = settings.root / "secrets" / "redis_password"
    file.touch()
    os.utime(file, (changed, changed))
    assert lifecycle._is_out_of_date(settings, containers) is anew


@pytest.mark.parametrize(
    ("name", "anew"), [("config/config.json", True), ("config/redis.conf", True), ("secrets/client_token", False)]
)
def test_what_a_container_mounts_replaces_it_and_nothing_else(settings: Settings, name: str, *, anew: bool) -> None:
    containers = {"facilitator": container("facilitator", State={"StartedAt": "2026-01-01T00:00:00.5Z"})}
    (settings.root / name).parent.mkdir()
    (settings.root / name).touch()
    assert lifecycle._is_out_of_date(settings, containers) is anew


def test_in_mode_ledger_redis_is_given_its_functions_before_the_service_starts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fake: FakeEngine
) -> None:
    began = Began(monkeypatch)
    fake.images = image("abc")
    loaded: list[str] = []

    class Store:
        def load(self, source: str) -> None:
            loaded.append(source)
            began.steps.append("loaded")

    monkeypatch.setattr(ledger.accounts, "is_configured", lambda _settings: True)
    monkeypatch.setattr(ledger, "open_store", lambda *_args: Store())
    monkeypatch.setattr(ledger, "function_source", lambda image: f"functions of {image}")
    lifecycle.up(settings, production=True, build=False)
    assert began.steps == ["up redis-prod", "loaded", "up facilitator redis-prod"]
    assert loaded == ["functions of x402-fac"]


def test_a_dirty_tree_is_always_built(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "revision", lambda _settings: tree.Revision("abc-dirty", 1))
    assert lifecycle._is_stale(FakeEngine(images=image("abc-dirty")).real, settings)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("volumes", "confirmed"), [(False, False), (True, True)])
def test_down(settings: Settings, monkeypatch: pytest.MonkeyPatch, *, volumes: bool, confirmed: bool) -> None:
    programs = Programs().instead_of(monkeypatch)
    assert lifecycle.down(settings, volumes=volumes, confirmed=confirmed) == 0
    assert ("--volumes" in programs.commands[0]) is volumes
    assert programs.commands[0][-2 - volumes :][0] == "down"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("typed", ["", "n\n", "no\n", "yess\n", None])
def test_data_is_not_removed_without_a_yes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, typed: str | None
) -> None:
    programs = Programs().instead_of(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n") if typed is None else Terminal(typed))
    with pytest.raises(SeatrialError) as caught:
        lifecycle.down(settings, volumes=True, confirmed=False)
    assert (caught.value.code, caught.value.hint) == (Code.USAGE, "./invoke down --volumes --yes")
    assert programs.commands == []


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("typed", ["y\n", "YES\n", " yes \n"])
def test_data_is_removed_with_a_yes(settings: Settings, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    programs = Programs().instead_of(monkeypatch)
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    lifecycle.down(settings, volumes=True, confirmed=False)
    assert "--volumes" in programs.commands[0]


def test_ps_shows_what_runs(settings: Settings, fake: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert lifecycle.ps(settings) == 0
    assert "nothing runs" in capsys.readouterr().err
    fake.rounds = [[container("redis-prod", health="healthy"), container("stranger")]]
    lifecycle.ps(settings)
    assert capsys.readouterr().out.split() == ["redis-prod", "healthy", "redis-prod:1"]


@pytest.mark.usefixtures("fake")
def test_logs_of_an_unknown_service_list_the_known(settings: Settings) -> None:
    with pytest.raises(SeatrialError) as caught:
        lifecycle.logs(settings, follow=False, service="nginx")
    assert (caught.value.code, caught.value.hint) == (Code.USAGE, "services: redis, ipfs, facilitator, redis-prod")


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("follow", "service", "words"), [(False, "", []), (True, "redis", ["--follow", "redis"])])
def test_logs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, follow: bool, service: str, words: list[str]
) -> None:
    programs = Programs(answer(7)).instead_of(monkeypatch)
    assert lifecycle.logs(settings, follow=follow, service=service) == 7
    said = programs.commands[0]
    assert [word for word in said[said.index("logs") + 1 :] if word != "--no-color"] == words


def running(address: str = "127.0.0.1") -> dict[str, Any]:
    return container("redis-prod", NetworkSettings={"Ports": {"6379/tcp": [{"HostIp": address, "HostPort": "6380"}]}})


@pytest.mark.parametrize("containers", [[], [container("redis-prod")], [container("redis-prod", status="exited")]])
def test_smoke_needs_a_running_redis(settings: Settings, fake: FakeEngine, containers: list[dict[str, Any]]) -> None:
    fake.rounds = [containers]
    with pytest.raises(SeatrialError) as caught:
        lifecycle.smoke(settings)
    assert caught.value.code is Code.NOT_RUNNING


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_smoke_asks_harmless_questions_only(
    settings: Settings,
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
) -> None:
    fake.rounds = [[running(address)]]
    asked: list[redis.Question] = []

    def ask(where: tuple[str, int], question: redis.Question, _passwords: dict[str, str]) -> str:
        assert where == ("127.0.0.1", 6380)
        asked.append(question)
        return question.expected

    monkeypatch.setattr(redis, "ask", ask)
    monkeypatch.setattr(secret_files, "passwords", lambda _folder: {})
    assert lifecycle.smoke(settings) == ExitCode.HOLDS
    assert asked
    assert all(question.harmless for question in asked)
    assert "WRONG " not in capsys.readouterr().out


def test_smoke_with_a_wrong_answer_fails(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.rounds = [[running()]]
    monkeypatch.setattr(redis, "ask", lambda *_args: "+PONG")
    monkeypatch.setattr(secret_files, "passwords", lambda _folder: {})
    with pytest.raises(SeatrialError) as caught:
        lifecycle.smoke(settings)
    assert caught.value.exit_code == ExitCode.BROKEN
    assert "WRONG PING (no password)" in capsys.readouterr().out
