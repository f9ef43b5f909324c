"""The image that a project's image stands on, as its Dockerfile says and the operator chooses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from seatrial import envfile
from seatrial.evidence.dockerfile import Dockerfile, parse, variables

if TYPE_CHECKING:
    from seatrial.settings import Settings

SCRATCH = "scratch"
"""What Docker calls the base of an image that has none."""


def chosen(settings: Settings) -> dict[str, str]:
    """Return the build arguments that choose a base and are set in the environment or in .env."""
    written = envfile.values(settings.path(".env"))
    names = {name for stage in _parsed(settings, {}).stages for name in variables(stage.written_base)}
    values = {name: os.environ.get(name) or written.get(name) or "" for name in sorted(names)}
    return {name: value for name, value in values.items() if value}


def base_image(settings: Settings) -> str:
    """Return the image that the last stage stands on, over other stages; nothing when there is no Dockerfile."""
    if not settings.dockerfile:
        return ""
    stages = _parsed(settings, chosen(settings)).stages
    if not stages:
        return ""
    base, earlier = stages[-1].base, list(stages[:-1])
    while earlier:
        stage = earlier.pop()
        if stage.name == base.lower():
            base = stage.base
    return base


def _parsed(settings: Settings, given: dict[str, str]) -> Dockerfile:
    return parse(settings.text(settings.dockerfile), given)
