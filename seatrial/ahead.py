"""The image, read ahead: what takes longest begins before the rest of the program is even loaded.

`docker save` gives its first byte after two thirds of its time. Meanwhile Invoke and the checks are loaded, and Compose
and BuildKit are asked; so nothing heavy may be imported here.
"""

from __future__ import annotations

import contextlib
import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial import engine, interruption, settings, workspace
from seatrial.asked import AskedEngine
from seatrial.errors import SeatrialError
from seatrial.evidence import image
from seatrial.evidence.cache import open_cache
from seatrial.evidence.secrets import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from seatrial.evidence.cache import LayerCache
    from seatrial.settings import Settings

FAMILIES = frozenset({"image", "layers", "packages", "supply"})
"""Families whose checks read what is in the image."""
_INDIFFERENT = ("--static", "--quiet", "--verbose", "--format", "--output", "--against", "--skip")
"""Options of `verify` that change nothing about the image that is read."""
_FEW_COLLECTIONS = 200_000


@dataclass(frozen=True)
class Ahead:
    """What was begun: nobody waits for it here."""

    project: Settings
    reference: str
    engine: AskedEngine
    kept: LayerCache
    """What was read by former runs."""
    read: Future[image.Read | None]
    pool: ThreadPoolExecutor

    def end(self) -> None:
        """End the reading, if it still goes on: an archive can be long."""
        self.engine.end()
        self.pool.shutdown()


_begun: list[Ahead] = []


def begin(words: Sequence[str]) -> None:
    """Begin to read the project's own image, where the words of a command say that `verify` will want it.

    What is wrong with the words or the settings is told by whoever looks closer.
    """
    # Facts about files are many and point at nothing back: looking for circles among them took a twentieth of the time.
    gc.set_threshold(_FEW_COLLECTIONS)
    options = [word for word in words[1:] if word.startswith("-")]
    if words[:1] == ["verify"] and all(option.startswith(_INDIFFERENT) for option in options):
        with contextlib.suppress(Exception):
            project = settings.load()
            _begun.append(_start(project, project.image))
            interruption.at_last(forget)


def forget() -> None:
    """End what was begun and nobody took."""
    while _begun:
        _begun.pop().end()


@contextlib.contextmanager
def reading(project: Settings, reference: str) -> Iterator[Ahead]:
    """Give what was begun of an image in the engine, or begin it now; end it when the body is interrupted."""
    begun = next((one for one in _begun if (one.project, one.reference) == (project, reference)), None)
    if begun is not None:
        _begun.remove(begun)
    else:
        begun = _start(project, reference)
    try:
        yield begun
    except BaseException:
        begun.end()
        raise
    begun.pool.shutdown()


def learn(project: Settings, reference: str) -> bool:
    """Read an image of which nothing is known yet, and keep what was read; tell whether that could be done now."""
    kept = open_cache(project.root, workspace.secret_places(project))
    asked = AskedEngine(lambda: engine.connect())  # noqa: PLW0108 - looked up when it is needed
    with contextlib.closing(asked), contextlib.suppress(SeatrialError):
        inspected = asked.image(reference) or {}
        layers = (inspected.get("RootFS") or {}).get("Layers") or []
        if any(map(kept.lacks, layers)):
            image.read_ahead(asked, reference, Wanted(tuple(workspace.secret_values(project))), kept)
            return all(kept.find(layer) is not None for layer in layers)
    return False


def _start(project: Settings, reference: str) -> Ahead:
    asked = AskedEngine(lambda: engine.connect())  # noqa: PLW0108 - looked up when it is needed
    kept = open_cache(project.root, workspace.secret_places(project))
    wanted = Wanted(tuple(workspace.secret_values(project)))
    pool = ThreadPoolExecutor(max_workers=1)
    return Ahead(project, reference, asked, kept, pool.submit(image.read_ahead, asked, reference, wanted, kept), pool)
