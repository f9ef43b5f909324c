"""The only door to the Docker SDK: questions in, the engine's own documents out."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from seatrial import process
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docker import DockerClient

Document = dict[str, Any]
"""A JSON object as the engine gave it."""

API_TIMEOUT_SECONDS = 120
SAVE_PIECE_BYTES = 1 << 20
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"


@dataclass(frozen=True)
class ExecResult:
    """What a command inside a container answered."""

    exit_code: int
    output: str


class Engine:
    """A connected Docker Engine. Every method raises SeatrialError when the engine cannot do what was asked."""

    def __init__(self, client: DockerClient) -> None:
        self._api: Any = client.api  # the SDK's types leave half of it out
        self._close = client.close

    def close(self) -> None:
        """Give the connections back."""
        self._close()

    def info(self) -> Document:
        """Return `docker info`."""
        with _translated("docker info"):
            return dict(self._api.info())

    def version(self) -> Document:
        """Return `docker version` of the server."""
        with _translated("docker version"):
            return dict(self._api.version())

    def image(self, reference: str) -> Document | None:
        """Return `docker image inspect`, or None when the image is not in the store."""
        from docker.errors import ImageNotFound, NotFound  # noqa: PLC0415 - the SDK is loaded when first needed

        with _translated(f"docker image inspect {reference}"):
            try:
                return dict(self._api.inspect_image(reference))
            except (ImageNotFound, NotFound):
                return None

    def history(self, reference: str) -> list[Document]:
        """Return `docker history`, newest step first."""
        with _translated(f"docker history {reference}"):
            return list(self._api.history(reference))

    def save(self, reference: str) -> Iterator[bytes]:
        """Yield the archive of `docker save` in pieces."""
        return save(reference)

    def load(self, pieces: Iterator[bytes]) -> None:
        """Load an archive, as `docker load` does."""
        with _translated("docker load"):
            for answer in self._api.load_image(pieces):
                if "error" in answer:
                    raise SeatrialError(Code.ENGINE_FAILED, f"docker load: {answer['error']}", hint="./invoke doctor")

    def tags(self, name: str) -> list[str]:
        """Return every tag of a name in the store, as `name:tag`."""
        with _translated(f"docker images {name}"):
            return [tag for image in self._api.images(name=name) for tag in image.get("RepoTags") or []]

    def containers(self, project: str, *, running_only: bool = False) -> list[Document]:
        """Return `docker inspect` of each container of a compose project."""
        filters = {"label": [f"{PROJECT_LABEL}={project}"]}
        with _translated(f"docker ps of project {project}"):
            listed = self._api.containers(all=not running_only, filters=filters)
        found = [self.container(entry["Id"]) for entry in listed]
        return [document for document in found if document is not None]

    def container(self, name: str) -> Document | None:
        """Return `docker inspect`, or None when there is no such container."""
        from docker.errors import NotFound  # noqa: PLC0415

        with _translated(f"docker inspect {name}"):
            try:
                return dict(self._api.inspect_container(name))
            except NotFound:
                return None

    def labelled(self, label: str) -> list[Document]:
        """Return the short listings of all containers, networks and volumes that carry a label."""
        filters = {"label": [label]}
        with _translated(f"docker ps, networks and volumes with {label}"):
            found = list(self._api.containers(all=True, filters=filters))
            found += self._api.networks(filters=filters)
            found += self._api.volumes(filters=filters)["Volumes"] or []
            return found

    def publishers(self) -> list[Document]:
        """Return the short listing of running containers, with the ports that each publishes."""
        with _translated("docker ps"):
            return list(self._api.containers())

    def logs(self, name: str, *, tail: int | Literal["all"] = "all") -> str:
        """Return what a container wrote, both streams together."""
        with _translated(f"docker logs {name}"):
            return bytes(self._api.logs(name, tail=tail)).decode("utf-8", "replace")

    def top(self, name: str) -> str:
        """Return the process list of a container, as the host sees it: one command line a line."""
        with _translated(f"docker top {name}"):
            return "\n".join(" ".join(row) for row in self._api.top(name)["Processes"] or [])

    def memory_bytes(self, name: str) -> int:
        """Return the memory that a container holds, without the page cache that can be given back."""
        with _translated(f"docker stats {name}"):
            used = self._api.stats(name, stream=False, one_shot=True)["memory_stats"]
            detail = used.get("stats") or {}
            cached = detail.get("total_inactive_file", detail.get("inactive_file", 0))
            return int(used.get("usage", 0)) - int(cached)

    def remove_image(self, reference: str) -> None:
        """Remove an image by name or id, where no container and no other name uses it."""
        with _translated(f"docker rmi {reference}"):
            self._api.remove_image(reference)

    def diff(self, name: str) -> list[Document]:
        """Return `docker diff`: what a container changed on its own root file system."""
        with _translated(f"docker diff {name}"):
            return list(self._api.diff(name) or [])

    def execute(
        self, name: str, argv: Sequence[str], *, user: str = "", environment: Mapping[str, str] | None = None
    ) -> ExecResult:
        """Run a command in a running container."""
        with _translated(f"docker exec {name}"):
            handle = self._api.exec_create(name, list(argv), user=user, environment=dict(environment or {}))["Id"]
            # Not the SDK's exec_start: it goes on with the bare socket, and what came in one piece with the answer's
            # head is lost.
            path = self._api._url("/exec/{0}/start", handle)  # noqa: SLF001
            answer = self._api._post_json(path, data={"Tty": False, "Detach": False}, stream=True)  # noqa: SLF001
            output = b"".join(self._api._multiplexed_buffer_helper(answer))  # noqa: SLF001
            return ExecResult(self._api.exec_inspect(handle)["ExitCode"], output.decode("utf-8", "replace"))

    def run(  # noqa: PLR0913 - each option is a fact about the container
        self,
        image: str,
        argv: Sequence[str] | None = None,
        *,
        labels: Mapping[str, str],
        ports: Mapping[int, tuple[str, int]] | None = None,
        user: str = "",
        network: str = "bridge",
    ) -> str:
        """Start a container in the background and return its id. `ports`: inside -> (host address, host port or 0)."""
        with _translated(f"docker run {image}"):
            configuration = self._api.create_host_config(
                port_bindings={inside: list_of(outside) for inside, outside in (ports or {}).items()},
                network_mode=network,
            )
            made = self._api.create_container(
                image,
                list(argv) if argv else None,
                labels=dict(labels),
                ports=list(ports or {}),
                user=user or None,
                host_config=configuration,
            )["Id"]
            try:
                self._api.start(made)
            except BaseException:
                self._api.remove_container(made, force=True, v=True)
                raise
            return str(made)

    def start(self, name: str) -> None:
        """Start a stopped container."""
        with _translated(f"docker start {name}"):
            self._api.start(name)

    def kill(self, name: str, signal: str) -> None:
        """Send a signal to a container."""
        with _translated(f"docker kill {name}"):
            self._api.kill(name, signal)

    def wait(self, name: str, *, seconds: int) -> int:
        """Wait for a container to end and return its exit code."""
        with _translated(f"docker wait {name}"):
            return int(self._api.wait(name, timeout=seconds)["StatusCode"])

    def stop(self, name: str, *, seconds: int) -> None:
        """Stop a container: its stop signal, then after `seconds` SIGKILL."""
        with _translated(f"docker stop {name}"):
            self._api.stop(name, timeout=seconds)

    def remove(self, name: str) -> None:
        """Remove a container, running or not, with its anonymous volumes. No such container is fine."""
        from docker.errors import NotFound  # noqa: PLC0415

        with _translated(f"docker rm {name}"):
            try:
                self._api.remove_container(name, force=True, v=True)
            except NotFound:
                return


def connect() -> Engine:
    """Connect as the docker client would: DOCKER_HOST, then the current context, then the default socket.

    Raises SeatrialError ENGINE_UNREACHABLE or ENGINE_FORBIDDEN.
    """
    import docker  # noqa: PLC0415 - a tenth of a second that `--list` must not pay

    with _translated("connecting to the Docker Engine"):
        client = docker.from_env(timeout=API_TIMEOUT_SECONDS)
        try:
            client.ping()
        except BaseException:
            client.close()
            raise
    return Engine(client)


def save(reference: str) -> Iterator[bytes]:
    """Yield the archive of `docker save` in pieces.

    The client is asked instead of the API: it works beside us on another core, and Python need not unpack HTTP.
    """
    return process.pieces(["docker", "save", reference], piece_bytes=SAVE_PIECE_BYTES)


def list_of(pair: tuple[str, int]) -> tuple[str, int] | tuple[str]:
    """Return a host binding as the SDK wants it: without a port the engine chooses one."""
    address, port = pair
    return (address, port) if port else (address,)


@contextmanager
def _translated(asked: str) -> Iterator[None]:
    """Turn the SDK's and the transport's errors into ours."""
    import requests  # noqa: PLC0415
    from docker.errors import APIError, DockerException  # noqa: PLC0415

    try:
        yield
    except APIError as error:
        said = str(error.explanation or error)
        if "no space left on device" in said.lower():
            raise SeatrialError(
                Code.DISK_FULL, f"{asked}: {said}", hint="docker system df; docker builder prune"
            ) from error
        raise SeatrialError(Code.ENGINE_FAILED, f"{asked}: {said}", hint="./invoke doctor") from error
    except (DockerException, requests.RequestException, OSError) as error:
        if "permission denied" in str(error).lower():
            raise SeatrialError(
                Code.ENGINE_FORBIDDEN,
                "the Docker Engine's socket is closed to this user",
                hint="join the docker group (`sudo usermod -aG docker $USER`, then log in again), or use sudo",
            ) from error
        raise SeatrialError(
            Code.ENGINE_UNREACHABLE,
            f"{asked}: no Docker Engine answers",
            hint="start Docker, set DOCKER_HOST, or let `./invoke setup --engine` do it",
        ) from error
