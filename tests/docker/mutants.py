"""Every mutant, by the family of the promise that it breaks. docs/mutants.md is made from this table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docker.mutants_commands import COMMANDS
from tests.docker.mutants_compose import HIDDEN
from tests.docker.mutants_image import IMAGE, LAYERS, PACKAGES, SUPPLY
from tests.docker.mutants_payment import PAYMENT
from tests.docker.mutants_tree import COMPOSE, CONTEXT, DOCKERFILE
from tests.docker.mutants_trial import REDIS, RUNTIME

if TYPE_CHECKING:
    from tests.docker.mutant import Mutant

BY_FAMILY: dict[str, tuple[Mutant, ...]] = {
    "context": CONTEXT,
    "dockerfile": DOCKERFILE + COMMANDS,
    "image": IMAGE,
    "layers": LAYERS,
    "packages": PACKAGES,
    "compose": COMPOSE + HIDDEN,
    "runtime": RUNTIME,
    "redis": REDIS,
    "payment": PAYMENT,
    "supply": SUPPLY,
}

MUTANTS: dict[str, Mutant] = {mutant.name: mutant for family in BY_FAMILY.values() for mutant in family}
