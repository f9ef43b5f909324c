"""The engine's door: every error of the SDK and of the transport becomes one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docker
import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from seatrial import engine, process
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Client:
    """A docker client of which every call ends as it was told."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.closed = False
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    @property
    def api(self) -> Any:
        return self

    def close(self) -> None:
        self.closed = True

    def ping(self) -> None:
        if isinstance(self.outcome, BaseException):
            raise self.outcome

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, args, kwargs))
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome[name] if isinstance(self.outcome, dict) and name in self.outcome else self.outcome

        return call


def connected(outcome: Any) -> engine.Engine:
    client: Any = Client(outcome)
    return engine.Engine(client)


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (APIError("x", explanation="no such thing"), Code.ENGINE_FAILED),
        (APIError("x", explanation="write /var: No space left on device"), Code.DISK_FULL),
        (DockerException("Error while fetching server API version: Connection refused"), Code.ENGINE_UNREACHABLE),
        (DockerException("('Connection aborted.', PermissionError(13, 'Permission denied'))"), Code.ENGINE_FORBIDDEN),
        (requests.ConnectionError("gone"), Code.ENGINE_UNREACHABLE),
        (requests.Timeout("slow"), Code.ENGINE_UNREACHABLE),
        (OSError("broken"), Code.ENGINE_UNREACHABLE),
        (PermissionError(13, "Permission denied"), Code.ENGINE_FORBIDDEN),
    ],
)
def test_every_error_is_one_of_ours(raised: Exception, code: Code) -> None:
    asks: list[Any] = [
        lambda e: e.info(),
        lambda e: e.version(),
        lambda e: e.history("x"),
        lambda e: e.containers("p"),
        lambda e: e.logs("x"),
        lambda e: e.top("x"),
        lambda e: e.memory_bytes("x"),
        lambda e: e.diff("x"),
        lambda e: e.execute("x", ["true"]),
        lambda e: e.run("x", labels={}),
        lambda e: e.start("x"),
        lambda e: e.kill("x", "SIGTERM"),
        lambda e: e.wait("x", seconds=1),
        lambda e: e.stop("x", seconds=1),
        lambda e: e.remove("x"),
        lambda e: e.remove_image("x"),
        lambda e: e.image("x"),
        lambda e: e.container("x"),
        lambda e: e.publishers(),
    ]
    for ask in asks:
        with pytest.raises(SeatrialError) as caught:
            ask(connected(raised))
        assert caught.value.code is code
        assert caught.value.hint


def test_an_image_is_saved_by_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def pieces(argv: list[str], **_options: Any) -> Iterator[bytes]:
        asked.append(argv)
        return iter([b"a", b"b"])

    monkeypatch.setattr(process, "pieces", pieces)
    assert list(connected({}).save("x")) == [b"a", b"b"]
    assert asked == [["docker", "save", "x"]]


def test_a_defect_of_ours_is_not_the_engine_s() -> None:
    with pytest.raises(ZeroDivisionError):
        connected(ZeroDivisionError()).info()


def test_what_is_not_there_is_none() -> None:
    assert connected(ImageNotFound("x")).image("x") is None
    assert connected(NotFound("x")).image("x") is None
    assert connected(NotFound("x")).container("x") is None
    connected(NotFound("x")).remove("x")


@pytest.mark.parametrize(
    ("stats", "used"),
    [
        ({"usage": 100, "stats": {"inactive_file": 30}}, 70),
        ({"usage": 100, "stats": {"total_inactive_file": 40, "inactive_file": 30}}, 60),
        ({"usage": 100}, 100),
        ({}, 0),
    ],
)
def test_memory_without_what_can_be_given_back(stats: dict[str, Any], used: int) -> None:
    assert connected({"memory_stats": stats}).memory_bytes("x") == used


def test_top_is_a_line_for_each_process() -> None:
    assert connected({"Processes": [["1", "init"], ["2", "a b"]]}).top("x") == "1 init\n2 a b"
    assert connected({"Processes": None}).top("x") == ""


def test_an_address_without_a_port_lets_the_engine_choose() -> None:
    assert engine.list_of(("127.0.0.1", 0)) == ("127.0.0.1",)
    assert engine.list_of(("127.0.0.1", 80)) == ("127.0.0.1", 80)


def test_a_container_that_cannot_start_is_not_left_behind() -> None:
    class Refusing(Client):
        def start(self, _name: str) -> None:
            raise APIError("x", explanation="port taken")

    client: Any = Refusing({"create_host_config": {}, "create_container": {"Id": "made"}})
    with pytest.raises(SeatrialError):
        engine.Engine(client).run("x", labels={"a": "b"}, ports={80: ("127.0.0.1", 0)})
    assert ("remove_container", ("made",), {"force": True, "v": True}) in client.asked


def test_connecting_asks_whether_anybody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(requests.ConnectionError("gone"))
    monkeypatch.setattr(docker, "from_env", lambda **_kwargs: client)
    with pytest.raises(SeatrialError) as caught:
        engine.connect()
    assert caught.value.code is Code.ENGINE_UNREACHABLE
    assert client.closed
    client.outcome = {}
    engine.connect().close()


@pytest.mark.parametrize("raised", [DockerException("Invalid URL"), APIError("x", explanation="server error")])
def test_a_client_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> None:
    def refuse(**_kwargs: Any) -> None:
        raise raised

    monkeypatch.setattr(docker, "from_env", refuse)
    with pytest.raises(SeatrialError):
        engine.connect()
