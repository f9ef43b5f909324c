"""Every mutant, by the family of the promise that it breaks. docs/mutants.md is made from this table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docker.mutants_compose import HIDDEN
from tests.docker.mutants_image import IMAGE, LAYERS, PACKAGES, SUPPLY
from tests.docker.mutants_tree import COMPOSE, CONTEXT, DOCKERFILE
from tests.docker.mutants_trial import REDIS, RUNTIME

if TYPE_CHECKING:
    from tests.docker.mutant import Mutant

BY_FAMILY: dict[str, tuple[Mutant, ...]] = {
    "context": CONTEXT,
    "dockerfile": DOCKERFILE,
    "image": IMAGE,
    "layers": LAYERS,
    "packages": PACKAGES,
    "compose": COMPOSE + HIDDEN,
    "runtime": RUNTIME,
    "redis": REDIS,
    "supply": SUPPLY,
}

MUTANTS: dict[str, Mutant] = {mutant.name: mutant for family in BY_FAMILY.values() for mutant in family}

NOT_BROKEN = {
    "redis.right_password": "A Redis that refuses the right password never becomes healthy: nothing can be asked.",
    "redis.negative_control": "It judges a Redis of verify's own, which no project can change.",
    "runtime.matches_model": "Docker would have to start another container than Compose asked for.",
}
"""Checks that no broken project can show to fail, and why: they are tried on broken evidence only."""
