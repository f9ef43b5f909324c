"""Gather everything once.

| document | shape |
| --- | --- |
| tree.files | text of each deciding file of the checkout, by name |
| tree.revision, tree.epoch | the last commit that touched a build input (`-dirty` when changed), its time in seconds |
| context.entries | what BuildKit takes into the context: a tuple of `archive.Entry` |
| workspace.password_fault | what is wrong with REDIS_PASSWORD in .env, or nothing |
| workspace.bind_address | BIND_ADDRESS of .env, or nothing |
| cache.fault | why nothing can be kept for the next run, or nothing |
| image.inspect, image.history, image.layers, image.base_layers, image.base | see `evidence.image` |
| compose.development, compose.production | the resolved models, JSON text as Compose gave it |
| compose.sources | text of each compose file, by name, with what it includes and extends |
| compose.mounts, compose.acl, compose.profiles | what the production model points at; see `evidence.compose_model` |
| waivers.states | each waiver of the settings, whether it has expired, and once all is judged whether it is unused |
| trial.* and redis.* | what a running stack said; see `evidence.trial` |
| supply.sbom | the SBOM beside the image, JSON text |
| supply.rebuild | id of an image built again without cache, and the paths that differ |
"""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial import ahead, build, compose, compose_files, layout, process, waivers, workspace
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import Evidence, cache, compose_model, filed_image, image, requirements, tree, trial
from seatrial.evidence.archive import Layer, read_image
from seatrial.evidence.base import base_image
from seatrial.evidence.secrets import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatrial.ahead import Ahead
    from seatrial.checks import Check
    from seatrial.engine import Engine
    from seatrial.evidence.archive.filed import ImageFile
    from seatrial.settings import Settings

RUNNING = {"runtime", "redis", "payment"}
"""Families whose checks need a stack that runs."""
STATIC = "--static was given: no stack was started"
# What pip says when it cannot reach the index. Only that: a package that the index does not have is a broken lock.
_NO_INDEX = ("connection broken by", "name resolution", "Network is unreachable", "Max retries exceeded")


_NEEDED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("redis_service",): ("redis", "workspace.password_fault"),
    ("service",): ("trial.processes", "trial.writes", "trial.twin_diff"),
    ("service_port", "service"): ("trial.health_bodies", "trial.sigterm"),
    ("redis_service", "service_port", "service"): ("trial.health_flip",),
}
"""Settings without which a document cannot be gathered."""


@dataclass(frozen=True)
class Request:
    """What is to be examined. `families` are those of the chosen checks: nothing is gathered that no check reads."""

    image: str
    static: bool
    families: frozenset[str]
    file: ImageFile | None = None
    """The image, where it is not in the engine but in a file."""
    base: str = ""
    """Another base image than the project's own: a name or a file."""
    begun: Ahead | None = None
    """The image, where reading it was begun before."""

    @property
    def needs_layers(self) -> bool:
        """Whether a check reads what is in the image."""
        return bool(self.families & ahead.FAMILIES)


def request(
    checks: Iterable[Check], image_reference: str, *, static: bool, file: ImageFile | None = None, base: str = ""
) -> Request:
    """Return the request that serves these checks."""
    return Request(image_reference, static, frozenset(check.family for check in checks), file, base)


def collect(settings: Settings, engine: Engine | None, wanted_by: Request, note: Callable[[str], None]) -> Evidence:
    """Gather the evidence. Raises SeatrialError when the engine or the project cannot be asked at all.

    Without an engine it is for an image in a file, and for nothing that must run.
    """
    wanted = Wanted(tuple(workspace.secret_values(settings)))
    documents: dict[str, Any] = {}
    missing: dict[str, str] = {}
    running = not wanted_by.static and bool(wanted_by.families & RUNNING) and bool(settings.compose_file)
    rebuilding = not wanted_by.static and "supply" in wanted_by.families and bool(settings.dockerfile)
    if engine is None:
        missing["context"] = "no Docker Engine answers, so BuildKit cannot be asked what it takes"
    for family in ("trial", "redis"):
        missing[family] = STATIC if wanted_by.static else "no check that was chosen needs a running stack"
    missing |= _absent(settings)
    missing.setdefault("supply.rebuild", STATIC.replace("no stack was started", "nothing was built again"))
    is_foreign = wanted_by.file is not None and engine is not None and engine.image(wanted_by.file.id) is None
    with ThreadPoolExecutor(max_workers=5) as pool:
        try:
            static = [
                pool.submit(_read_image, settings, engine, wanted_by, wanted, documents, missing),
                pool.submit(_read_compose, settings, documents, missing, engine),
            ]
            if engine is not None and "context" in wanted_by.families:
                static.append(pool.submit(_read_context, settings, wanted, documents))
            _read_tree(settings, documents)
            rebuilt = (
                pool.submit(_rebuild, settings, engine, wanted, static[0], documents, is_foreign=is_foreign)
                if rebuilding and engine
                else None
            )
            if running and engine is not None:
                wanted = _run_trial(settings, engine, wanted_by, wanted, documents, missing, note)
            note("reading the image")
            _await(static, wanted_by, documents)
            _add_rebuild(rebuilt, documents, missing, note)
        except BaseException:
            # The pool waits for its threads, and a build would go on for a while, or an archive.
            process.end_all()
            if wanted_by.begun is not None:
                wanted_by.begun.engine.end()
            if wanted_by.file is not None:
                wanted_by.file.close()
            raise
    return Evidence(settings, documents, missing, wanted)


def _await(static: list[Future[None]], wanted_by: Request, documents: dict[str, Any]) -> None:
    """Wait for the static evidence, the image last."""
    for reading in static[1:]:
        reading.result()
    if "packages" in wanted_by.families:
        # While the image is on its way: what is parsed is kept, and several checks ask for it.
        for name in filter(requirements.is_lock, documents["tree.files"]):
            requirements.parse_lock(documents["tree.files"][name])
    static[0].result()


def _absent(settings: Settings) -> dict[str, str]:
    """Return the documents that this project cannot have, by name or family, each with the reason."""
    found: dict[str, str] = {}
    if not settings.compose_file:
        found |= dict.fromkeys(("compose", "trial", "redis", "payment"), "the project has no compose file")
    if not settings.dockerfile:
        reason = "the project has no Dockerfile"
        found |= dict.fromkeys(("context", "image.base_layers", "image.base", "supply.rebuild", "supply.sbom"), reason)
    if not settings.lock_file and (other := layout.other_lock(settings.root)):
        found["tree.lock"] = f"{other} is a lock of another kind: seatrial compares requirements with hashes"
    for keys, names in _NEEDED.items():
        for key in keys:
            if not getattr(settings, key):
                found |= dict.fromkeys(names, f"{key} is not set in [tool.seatrial]")
    if not settings.managed:
        reason = "the project is not the payment service that seatrial comes with"
        found |= dict.fromkeys(("trial.payment", "trial.access", "trial.settlement"), reason)
    if settings.redis_service and not settings.managed and "service" not in settings.redis_passwords:
        found["redis"] = "redis_passwords in [tool.seatrial] names no file for the service"
    return found


def _read_tree(settings: Settings, documents: dict[str, Any]) -> None:
    documents[waivers.DOCUMENT] = waivers.states(settings)
    revision = tree.revision(settings)
    documents["tree.files"] = tree.texts(settings)
    if settings.compose_file:
        documents["compose.sources"] = compose_files.texts(settings.root, settings.compose_file)
    documents["tree.revision"] = revision.name
    documents["tree.epoch"] = revision.epoch_seconds
    if settings.redis_service:
        documents["workspace.password_fault"] = "; ".join(workspace.password_faults(settings))
    documents["workspace.bind_address"] = workspace.load_env(settings).get("BIND_ADDRESS") or ""


def _read_compose(
    settings: Settings, documents: dict[str, Any], missing: dict[str, str], engine: Engine | None
) -> None:
    if not settings.compose_file:
        return
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            development = pool.submit(compose.stack(settings, production=False).model)
            documents["compose.production"] = compose.stack(settings, production=True).model()
            documents.update(compose_model.documents(settings, documents["compose.production"]))
            documents["compose.development"] = development.result()
    except SeatrialError as error:
        # A machine without Docker can still judge an image in a file.
        if engine is not None or error.code not in {Code.COMMAND_MISSING, Code.ENGINE_PLUGIN}:
            raise
        missing["compose"] = f"the compose files cannot be resolved: {error.what}"


def _read_image(  # noqa: PLR0913 - it fills the collection
    settings: Settings,
    engine: Engine | None,
    wanted_by: Request,
    wanted: Wanted,
    documents: dict[str, Any],
    missing: dict[str, str],
) -> None:
    begun = wanted_by.begun
    kept = begun.kept if begun else cache.open_cache(settings.root, workspace.secret_places(settings))
    with_layers = wanted_by.needs_layers
    if with_layers:
        found, reasons = image.base_documents(engine, wanted_by.base or base_image(settings))
        documents.update(found)
        missing.update(reasons)
    if wanted_by.file is not None:
        documents.update(image.documents_of_file(wanted_by.file, wanted, kept))
    elif engine is not None:
        read = begun.read if begun else None
        documents.update(image.documents(engine, wanted_by.image, wanted, kept, with_layers=with_layers, ahead=read))
    documents["cache.fault"] = kept.fault
    if settings.dockerfile:
        sbom = settings.path(build.SBOM_FILE)
        documents["supply.sbom"] = sbom.read_text(encoding="utf-8") if sbom.is_file() else "{}"


def _read_context(settings: Settings, wanted: Wanted, documents: dict[str, Any]) -> None:
    documents["context.entries"] = tree.context(settings, wanted)


def _run_trial(  # noqa: PLR0913 - it fills the collection
    settings: Settings,
    engine: Engine,
    wanted_by: Request,
    wanted: Wanted,
    documents: dict[str, Any],
    missing: dict[str, str],
    note: Callable[[str], None],
) -> Wanted:
    """Run a trial stack and return what must not show, the trial's own secrets included."""
    given = filed_image.in_engine(wanted_by.file, engine) if wanted_by.file else contextlib.nullcontext(wanted_by.image)
    with given as name, trial.started(settings, engine, name, note) as running:
        if running.documents["trial.start"]["healthy"]:
            trial.observe(running, note)
            _break_and_compare(running, note)
        else:
            for family in ("trial", "redis"):
                missing[family] = "the trial stack did not become healthy"
        documents.update(running.documents)
        missing.update(running.missing)
        # Only now: what was paid there is signed, and the signature must not show either.
        own = running.secrets
    return Wanted((*wanted.values, *own))


def _break_and_compare(running: trial.Trial, note: Callable[[str], None]) -> None:
    """Break the stack, which is mostly waiting, and compare its compiled code meanwhile."""
    beside = ThreadPoolExecutor(max_workers=1)
    try:
        comparing = beside.submit(trial.compare, running)
        trial.break_and_mend(running, note)
        running.documents["trial.bytecode"] = comparing.result()
    finally:
        # Not waited for: when this is interrupted, it ends with its container.
        beside.shutdown(wait=False)


def _rebuild(  # noqa: PLR0913 - what is compared
    settings: Settings,
    engine: Engine,
    wanted: Wanted,
    reading: Future[None],
    documents: dict[str, Any],
    *,
    is_foreign: bool,
) -> dict[str, Any]:
    """Build once more without cache; compare file by file only when the ids differ.

    `is_foreign`: the engine did not have the image that lies in a file, and is not to keep the one that was rebuilt.
    """
    image_id = build.run(settings, no_cache=True, note=lambda _: None, tag="-")
    reading.result()
    differs: list[str] = []
    if image_id != documents["image.inspect"]["Id"]:
        differs = _differences(documents["image.layers"], read_image(engine.save(image_id), wanted))
        engine.remove_image(image_id)
    elif is_foreign and (engine.image(image_id) or {}).get("RepoTags") == []:
        engine.remove_image(image_id)
    return {"image_id": image_id, "differs": differs}


def _differences(ours: tuple[Layer, ...], theirs: tuple[Layer, ...]) -> list[str]:
    shared = {layer.diff_id for layer in ours} & {layer.diff_id for layer in theirs}
    one, other = (
        {entry.path: entry for layer in layers if layer.diff_id not in shared for entry in layer.entries}
        for layers in (ours, theirs)
    )
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def _add_rebuild(
    rebuilt: Future[dict[str, Any]] | None,
    documents: dict[str, Any],
    missing: dict[str, str],
    note: Callable[[str], None],
) -> None:
    if rebuilt is None:
        return
    note("building once more without cache")
    began = time.monotonic()
    try:
        documents["supply.rebuild"] = rebuilt.result()
    except SeatrialError as error:
        if error.code is Code.BUILD_FAILED and any(word in error.what for word in _NO_INDEX):
            missing["supply.rebuild"] = f"the package index cannot be reached ({time.monotonic() - began:.0f} s)"
            return
        raise
