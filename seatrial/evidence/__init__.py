"""What the tree, Docker and Redis say: collected once, frozen, raw.

Checks see nothing else. Each accessor counts what it hands out, so that every result can say what was examined.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import posixpath
from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seatrial.evidence.archive import NOTE, Entry, Layer, make_tar, read_tar
from seatrial.evidence.secrets import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from seatrial.settings import Settings


WHITEOUT = ".wh."
"""What the name of a file begins with that says: the file of this name, in the layers below, is gone."""
MOST_LINKS = 40
"""Links that lead on from one another, as many as Linux follows."""
OPAQUE = ".wh..wh..opq"
"""A file of this name says: everything in this folder, in the layers below, is gone."""


class MissingEvidence(Exception):  # noqa: N818 - not an error: the reason why a check is skipped
    """A document was not gathered, and why."""


@dataclass(frozen=True)
class Evidence:
    """Raw documents by name, and for each that is not there the reason.

    The names and their shapes are listed in `seatrial.evidence.collect`.
    """

    settings: Settings
    documents: Mapping[str, Any]
    missing: Mapping[str, str] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=Wanted)
    seen: Counter[str] = field(default_factory=Counter, compare=False)

    # --- reading -----------------------------------------------------------------------------------------------

    def document(self, name: str, counted_as: str = "documents") -> Any:
        """Return a raw document. Raises MissingEvidence when it was not gathered."""
        if name not in self.documents:
            family = name.partition(".")[0]
            raise MissingEvidence(self.missing.get(name) or self.missing.get(family) or f"{name} was not gathered")
        if counted_as:
            self.seen[counted_as] += 1
        return self.documents[name]

    def json(self, name: str, counted_as: str = "documents") -> Any:
        """Return a document that came as JSON text, parsed."""
        return json.loads(self.document(name, counted_as))

    def image(self) -> dict[str, Any]:
        """Return `docker image inspect` of the image."""
        return dict(self.document("image.inspect"))

    def image_config(self) -> dict[str, Any]:
        """Return the Config part of the image."""
        return dict(self.image()["Config"] or {})

    def layers(self) -> tuple[Layer, ...]:
        """Return every layer of the image, lowest first."""
        found: tuple[Layer, ...] = self.document("image.layers", "")
        self.seen["layers"] += len(found)
        self.seen["files"] += sum(len(layer.entries) for layer in found)
        return found

    def base_layer_count(self) -> int:
        """Return how many of the lowest layers are the base image's own."""
        base: list[str] = self.document("image.base_layers", "")
        own = [layer.diff_id for layer in self.documents["image.layers"]]
        count = 0
        while count < len(base) and count < len(own) and base[count] == own[count]:
            count += 1
        return count

    def payload(self) -> tuple[Layer, ...]:
        """Return the layers that were put on the base image."""
        base = self.base_layer_count()
        return self.layers()[base:]

    def files(self, layers: tuple[Layer, ...] | None = None) -> dict[str, Entry]:
        """Return the files that a container sees, by path: upper layers over lower ones, whiteouts applied."""
        return dict(_visible(layers if layers is not None else self.layers()))

    def files_below(self, folder: str) -> Mapping[str, Entry]:
        """Return the files below a folder of the image, as a container sees them."""
        return _below(self.layers(), folder.strip("/") + "/")

    def context(self) -> tuple[Entry, ...]:
        """Return what BuildKit takes into the build context."""
        found: tuple[Entry, ...] = self.document("context.entries", "")
        self.seen["context files"] += len(found)
        return found

    def services(self, profile: str = "production") -> dict[str, dict[str, Any]]:
        """Return the services of a resolved compose model by name.

        For production these are the services of the profile and all that they depend on, which Compose starts with
        them; the other development services that the same file defines are started by name only.
        """
        model = self.json(f"compose.{profile}", "")
        services: dict[str, dict[str, Any]] = model.get("services") or {}
        if profile == "production":
            services = self.settings.in_production(services)
        self.seen["services"] += len(services)
        return services

    def container(self, service: str) -> dict[str, Any]:
        """Return `docker inspect` of a container of the trial stack."""
        self.seen["containers"] += 1
        return dict(self.document("trial.containers", "")[service])

    def dockerfile(self) -> str:
        """Return the text of the Dockerfile. Raises MissingEvidence when the project has none."""
        if not self.settings.dockerfile:
            raise MissingEvidence("the project has no Dockerfile")
        return str(self.document("tree.files", "").get(self.settings.dockerfile, ""))

    def a_service(self) -> str:
        """Return the service, or where the settings name none any of production's. Raises MissingEvidence."""
        services = self.unobserved().services()
        if self.settings.service in services:
            return self.settings.service
        if not services:
            raise MissingEvidence("production has no service")
        return next(iter(services))

    def needs(self, *keys: str) -> None:
        """Raise MissingEvidence when one of these settings is not made: then there is nothing to look at."""
        for key in keys:
            if not getattr(self.settings, key):
                raise MissingEvidence(f"{key} is not set in [tool.seatrial]")

    def reply(self, question: str) -> str:
        """Return what Redis said to a question, as text without the line end."""
        replies: dict[str, str] = self.document("redis.replies", "")
        if question not in replies:
            raise MissingEvidence(f"Redis was not asked: {question}")
        self.seen["replies"] += 1
        return replies[question]

    def a_secret(self) -> str:
        """Return one of the secrets that must not show, for a sabotage. Raises MissingEvidence when there is none."""
        if not self.wanted.values:
            raise MissingEvidence("the project has no secret to look for")
        return self.wanted.values[0][1]

    # --- sabotage ----------------------------------------------------------------------------------------------

    def unobserved(self) -> Evidence:
        """Return the same evidence with nothing counted yet."""
        return replace(self, seen=Counter())

    def with_document(self, name: str, value: Any) -> Evidence:
        """Return evidence in which one document is another."""
        return replace(self, documents={**self.documents, name: value})

    def edited(self, name: str, edit: Callable[[Any], Any]) -> Evidence:
        """Return evidence in which one document was edited; JSON text is parsed for the edit and written again.

        `edit` changes the copy it is given, or returns another value. Raises MissingEvidence like `document`.
        """
        before = self.unobserved().document(name)
        is_json = isinstance(before, str) and before.lstrip()[:1] in {"{", "["}
        # Layers and contexts are tuples of frozen facts: there is nothing in them to change by mistake.
        draft = json.loads(before) if is_json else before if isinstance(before, tuple) else copy.deepcopy(before)
        after = edit(draft)
        after = draft if after is None else after
        return self.with_document(name, json.dumps(after) if is_json else after)

    def with_files(self, files: Mapping[str, bytes], *, size_bytes: int | None = None, **attributes: int) -> Evidence:
        """Return evidence whose topmost layer of files holds more, read by the same reader as the real ones.

        `size_bytes`: how large each of them is said to be, whatever its content.
        """
        more = _sized(read_tar(io.BytesIO(make_tar(files, **attributes)), self.wanted), size_bytes)
        return self.edited("image.layers", lambda layers: _with_entries(layers, more))

    def with_context(self, files: Mapping[str, bytes], *, size_bytes: int | None = None) -> Evidence:
        """Return evidence whose build context holds more files, read and sized like those of `with_files`."""
        more = _sized(read_tar(io.BytesIO(make_tar(files)), self.wanted), size_bytes)
        return self.edited("context.entries", lambda entries: (*entries, *more))

    def with_service(
        self, service: str, edit: Callable[[dict[str, Any]], Any], profile: str = "production"
    ) -> Evidence:
        """Return evidence in which one service of a compose model was edited."""

        def change(model: dict[str, Any]) -> None:
            edit(model.setdefault("services", {}).setdefault(service, {"profiles": [self.settings.production_profile]}))

        return self.edited(f"compose.{profile}", change)

    def with_reply(self, question: str, answer: str) -> Evidence:
        """Return evidence in which Redis gave another answer."""
        return self.edited("redis.replies", lambda replies: {**replies, question: answer})


def followed(files: Mapping[str, Entry], path: str) -> Entry | None:
    """Return the file that a path leads to, links followed inside the image; None for a loop and for nothing."""
    for _ in range(MOST_LINKS):
        entry = files.get(path)
        if entry is None:
            parent = next((p for p in _parents(path) if p in files and files[p].kind == "symlink"), None)
            if parent is None:
                return None
            path = _target(parent, files[parent].link) + path[len(parent) :]
        elif entry.kind == "symlink":
            path = _target(path, entry.link)
        elif entry.kind == "hardlink":
            path = entry.link
        else:
            return entry
    return None


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _target(path: str, link: str) -> str:
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(path), link)).lstrip("/")


@functools.lru_cache(maxsize=8)
def _visible(layers: tuple[Layer, ...]) -> dict[str, Entry]:
    """Return what is seen of these layers. Every check asks, and a sabotage changes the topmost layer only."""
    if not layers:
        return {}
    visible, top = dict(_visible(layers[:-1])), layers[-1].entries
    # A whiteout hides what lies in lower layers, wherever in its own layer it stands.
    for entry in top:
        if WHITEOUT not in entry.path:
            continue
        folder, _, name = entry.path.rpartition("/")
        if name == OPAQUE:
            _forget(visible, folder)
        elif name.startswith(WHITEOUT):
            gone = f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
            visible.pop(gone, None)
            _forget(visible, gone)
    for entry in top:
        if entry.kind == NOTE or (WHITEOUT in entry.path and entry.path.rpartition("/")[2].startswith(WHITEOUT)):
            continue
        below = visible.get(entry.path)
        if entry.kind != "folder" and below is not None and below.kind == "folder":
            _forget(visible, entry.path)
        visible[entry.path] = entry
    return visible


@functools.lru_cache(maxsize=8)
def _below(layers: tuple[Layer, ...], prefix: str) -> Mapping[str, Entry]:
    return MappingProxyType({path: entry for path, entry in _visible(layers).items() if path.startswith(prefix)})


def _sized(entries: tuple[Entry, ...], size_bytes: int | None) -> tuple[Entry, ...]:
    return entries if size_bytes is None else tuple(replace(entry, size_bytes=size_bytes) for entry in entries)


def _forget(visible: dict[str, Entry], folder: str) -> None:
    prefix = f"{folder}/" if folder else ""
    for path in [path for path in visible if path.startswith(prefix)]:
        del visible[path]


def _with_entries(layers: tuple[Layer, ...], more: tuple[Entry, ...]) -> tuple[Layer, ...]:
    # A file is once in a layer: one that is there is replaced.
    new = {entry.path for entry in more}
    # An instruction that adds no file leaves an empty layer, often as the last one.
    top = max((number for number, layer in enumerate(layers) if layer.entries), default=-1)
    return tuple(
        replace(layer, entries=(*(entry for entry in layer.entries if entry.path not in new), *more))
        if number == top
        else layer
        for number, layer in enumerate(layers)
    )


def entries_of(layers: tuple[Layer, ...]) -> Iterator[tuple[int, Entry]]:
    """Yield each entry with the number of its layer, deleted and overwritten ones included."""
    for number, layer in enumerate(layers, start=1):
        for entry in layer.entries:
            yield number, entry
