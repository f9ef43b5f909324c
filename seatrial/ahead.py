"""The image, read ahead: what takes longest begins before the rest of the program is even loaded.

`docker save` gives its first byte after two thirds of its time. Meanwhile modules are loaded, and Compose and BuildKit
are asked; so nothing heavy may be imported here.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial import engine, workspace
from seatrial.asked import AskedEngine
from seatrial.errors import SeatrialError
from seatrial.evidence import image
from seatrial.evidence.cache import open_cache
from seatrial.evidence.secrets import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from seatrial.evidence.cache import LayerCache
    from seatrial.settings import Settings

FAMILIES = frozenset({"image", "layers", "packages", "supply"})
"""Families whose checks read what is in the image."""


@dataclass(frozen=True)
class Ahead:
    """What was begun: nobody waits for it here."""

    engine: AskedEngine
    kept: LayerCache
    """What was read by former runs."""
    read: Future[image.Read | None]


@contextlib.contextmanager
def reading(settings: Settings, reference: str) -> Iterator[Ahead]:
    """Begin to read an image in the engine; end it when the body is interrupted."""
    asked = AskedEngine(lambda: engine.connect())  # noqa: PLW0108 - looked up when it is needed
    kept = open_cache(settings.root, workspace.secret_places(settings))
    wanted = Wanted(tuple(workspace.secret_values(settings)))
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            yield Ahead(asked, kept, pool.submit(image.read_ahead, asked, reference, wanted, kept))
        except BaseException:
            # The pool waits for its thread, and an archive can be long.
            asked.end()
            raise


@contextlib.contextmanager
def guessed(project: Callable[[], Settings], only: str) -> Iterator[Ahead | None]:
    """Begin to read the project's own image where checks were asked for that read it.

    What is wrong with the settings or the words is told by whoever looks closer.
    """
    with contextlib.ExitStack() as stack:
        begun = None
        if not only or any(word.strip().partition(".")[0] in FAMILIES for word in only.split(",")):
            with contextlib.suppress(SeatrialError):
                settings = project()
                begun = stack.enter_context(reading(settings, settings.image))
        yield begun
