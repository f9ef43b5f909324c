"""Where in the tree a problem is mended: a check's word (`services.redis.user`, `layer 2: /app/x`) as file and line.

The checks keep saying where they looked, in words; what a report links to is found here, afterwards and once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.evidence import compose_lines, ignore
from seatrial.evidence.dockerfile import Stage, parse

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

WRITES_A_LAYER = ("RUN", "COPY", "ADD", "WORKDIR")
INSTRUCTIONS = {
    "User": "USER",
    "Healthcheck": "HEALTHCHECK",
    "Cmd": "CMD",
    "Entrypoint": "ENTRYPOINT",
    "ExposedPorts": "EXPOSE",
    "StopSignal": "STOPSIGNAL",
    "Env": "ENV",
    "Labels": "LABEL",
    "Volumes": "VOLUME",
    "OnBuild": "ONBUILD",
}
"""What writes a key of the image's configuration."""
_NUMBERED = re.compile(r"(?P<file>.+):(?P<line>\d+)")
_MODEL = re.compile(r"(?P<path>(?:services|networks|volumes|secrets|configs)(?:\.[^:]+)?)(?:: (?P<item>.*))?")
_CONFIG = re.compile(r"Config\.(?P<key>\w+)(?:[ =](?P<name>.*))?")
_LAYER = re.compile(r"(?P<payload>payload )?layer (?P<number>\d+): /")


@dataclass(frozen=True)
class Place:
    """A file of the tree, and the line where one can be named."""

    file: str
    line: int | None = None


def locate(evidence: Evidence, family: str, where: str) -> Place | None:
    """Return where a problem is mended; None when the tree has no such file."""
    files = _files(evidence)
    numbered = _NUMBERED.fullmatch(where)
    if numbered and numbered["file"] in files:
        return Place(numbered["file"], int(numbered["line"]))
    if where in files:
        return Place(where)
    if family == "context":
        return _ignored(evidence, files, where)
    if family in {"compose", "runtime", "redis", "payment"}:
        return _configured(evidence, where) or _modelled(evidence, family, where)
    return _instructed(evidence, where)


def layer_instruction(evidence: Evidence, number: int) -> tuple[int, str] | None:
    """Return the line and the text of the instruction that wrote a layer of the payload, counted from 1.

    None when the last stage does not write as many layers as the image has.
    """
    stage = _last_stage(evidence)
    writing = [step for step in stage.instructions if step.word in WRITES_A_LAYER] if stage else []
    layers = len(evidence.documents.get("image.layers") or ()) - _base_count(evidence)
    if len(writing) != layers or not 0 < number <= layers:
        return None
    step = writing[number - 1]
    return step.line, f"{step.word} {' '.join(step.value.split())}"


def _files(evidence: Evidence) -> dict[str, str]:
    return dict(evidence.documents.get("tree.files") or {})


def _base_count(evidence: Evidence) -> int:
    known = {"image.layers", "image.base_layers"} <= set(evidence.documents)
    return evidence.unobserved().base_layer_count() if known else 0


def _last_stage(evidence: Evidence) -> Stage | None:
    stages = parse(_files(evidence).get(evidence.settings.dockerfile, "")).stages
    return stages[-1] if stages else None


def _ignored(evidence: Evidence, files: dict[str, str], path: str) -> Place | None:
    """Return the line of the ignore file that lets a path into the context."""
    dockerfile, (usual, overriding) = evidence.settings.dockerfile, evidence.settings.ignore_files
    name = next((name for name in (overriding, usual) if name in files), "")
    if not name:
        return Place(dockerfile) if dockerfile in files else None
    pattern = ignore.deciding(ignore.parse(files[name]), path)
    return Place(name, pattern.line if pattern else 1)


def _configured(evidence: Evidence, where: str) -> Place | None:
    """Return the line of a configuration file that sets the one word after `service: `."""
    setting = where.partition(": ")[2]
    for name, text in _files(evidence).items():
        if name.endswith(".conf") and re.fullmatch(r"[a-z-]+", setting):
            for number, line in enumerate(text.splitlines(), start=1):
                if line.split()[:1] == [setting]:
                    return Place(name, number)
    return None


def _modelled(evidence: Evidence, family: str, where: str) -> Place | None:
    """Return the deepest line of a compose file that a place in the model, or a service's name in it, stands on."""
    sources: dict[str, str] = evidence.documents.get("compose.sources") or {}
    path, item = _model_path(evidence, family, where)
    found = {name: compose_lines.find(text, path, item) for name, text in sources.items()}
    # An override wins over the file that it is laid over.
    ranked = sorted((spot.depth, "override" in name, name) for name, spot in found.items() if spot)
    if not ranked:
        return Place(min(sources)) if sources else None
    name = ranked[-1][-1]
    spot = found[name]
    return Place(name, spot.line if spot else None)


def _model_path(evidence: Evidence, family: str, where: str) -> tuple[str, str]:
    written = _MODEL.fullmatch(where)
    if written:
        return written["path"], (written["item"] or "").rpartition("->")[2]
    settings = evidence.settings
    if family == "compose":
        return "", ""
    # What Redis says is mended at Redis; its users may be named like services.
    names = () if family == "redis" else settings.production_services
    named = [name for name in names if re.search(rf"(?:^|\s){re.escape(name)}(?:$|:)", where)]
    service = named[0] if named else settings.redis_service if family == "redis" else settings.service
    return f"services.{service}{'.healthcheck' if 'health check' in where else ''}", ""


def _instructed(evidence: Evidence, where: str) -> Place | None:
    """Return the instruction of the last stage that wrote a key of the configuration, a layer, or a file."""
    stage = _last_stage(evidence)
    if stage is None:
        return None
    config = _CONFIG.fullmatch(where)
    label = where if where.startswith("org.opencontainers.") else ""
    if config or label:
        word, name = (INSTRUCTIONS.get(config["key"], ""), config["name"] or "") if config else ("LABEL", label)
        steps = stage.all_of(word)
        naming = [step for step in steps if name and name in step.assignments]
        return Place(evidence.settings.dockerfile, (naming or steps)[-1].line if steps else stage.line)
    number = _layer_number(evidence, where)
    written = layer_instruction(evidence, number) if number else None
    return Place(evidence.settings.dockerfile, written[0] if written else stage.line)


def _layer_number(evidence: Evidence, where: str) -> int:
    """Return which layer of the payload is meant, by its number or by a file in it; 0 for none, or one of the base."""
    base = _base_count(evidence)
    written = _LAYER.match(where)
    if written:
        return max(int(written["number"]) - (0 if written["payload"] else base), 0)
    path = where.lstrip("/")
    layers = evidence.documents.get("image.layers") or ()
    return next(
        (
            number
            for number in range(len(layers) - base, 0, -1)
            if any(f"{entry.path}/".startswith(f"{path}/") for entry in layers[base + number - 1].entries)
        ),
        0,
    )
