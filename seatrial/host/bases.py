"""Base images: in the local store, pulled, or built from Debian's packages."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial import console, envfile, process
from seatrial.errors import Code, SeatrialError
from seatrial.host import rootfs
from seatrial.settings import IMAGE_DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seatrial.settings import Settings

VARIABLES = ("PYTHON_IMAGE", "REDIS_IMAGE")
"""The bases that production needs. IPFS_IMAGE is for development only and has its own way to be made."""
PULL_SECONDS = 600
INSPECT_SECONDS = 30
ANSWERS = ("not found", "manifest unknown", "denied", "unauthorized", "no matching manifest")
"""What a registry says that answers and does not give the image."""


@dataclass(frozen=True)
class Wish:
    """One base image that is wanted: by the operator's choice, or by default."""

    variable: str
    image: str
    chosen: bool
    recipe: rootfs.Recipe

    @property
    def own(self) -> str:
        """The name of the image that is made here in its place."""
        return self.recipe.image

    def may_pull(self, here: set[str]) -> bool:
        """Whether a registry is asked: never for our own names, and not again once ours had to take its place."""
        return self.image != self.own and (self.chosen or self.own not in here)


def ensure_bases(settings: Settings, *, allow_install: bool, variables: Sequence[str] = VARIABLES) -> list[str]:
    """Make sure that the base images are in the local store; return what was done, a line for each.

    A base that the operator did not choose and that no registry gives is built from Debian's packages, under our own
    name, and the choice is written to .env. Raises SeatrialError BASE_IMAGE when one cannot be had.
    """
    if not variables:
        return []
    wishes = [_wish(settings, variable) for variable in variables]
    here = in_store(image for wish in wishes for image in (wish.image, wish.own))
    missing = [wish for wish in wishes if wish.image not in here]
    did, left = _pull_all([wish for wish in missing if wish.may_pull(here)])
    left += [wish for wish in missing if not wish.may_pull(here)]
    to_build = [wish.recipe for wish in left if wish.own not in here]
    if to_build:
        did += _build(to_build, allow_install=allow_install)
    for wish in left:
        if wish.image != wish.own:
            envfile.assign(settings.path(".env"), wish.variable, wish.own)
            did.append(f"wrote {wish.variable}={wish.own} to .env: {wish.image} cannot be had here")
    return did


def needed(settings: Settings) -> tuple[str, ...]:
    """Return the variables of those bases that the Dockerfile or the compose file asks for."""
    text = settings.text(settings.dockerfile) + settings.text(settings.compose_file)
    return tuple(variable for variable in VARIABLES if variable in text)


def _wish(settings: Settings, variable: str) -> Wish:
    written = envfile.values(settings.path(".env")).get(variable)
    chosen = os.environ.get(variable) or written or ""
    wish = Wish(variable, chosen or IMAGE_DEFAULTS[variable], bool(chosen), rootfs.RECIPES[variable])
    if wish.image.startswith(rootfs.OWN_NAME) and wish.image != wish.own:
        raise SeatrialError(
            Code.BASE_IMAGE,
            f"{variable} is {wish.image}: seatrial makes no such image",
            hint=f"choose {wish.own} or an image of a registry, in {'.env' if written else 'the environment'}",
        )
    return wish


def _pull_all(wishes: Sequence[Wish]) -> tuple[list[str], list[Wish]]:
    """Pull what can be had; return what was done, and what is left to be built here."""
    did: list[str] = []
    left: list[Wish] = []
    silent: dict[str, str] = {}
    for wish in wishes:
        source = registry(wish.image)
        # A registry that did not answer costs its seconds once.
        complaint = silent.get(source) or pull(wish.image)
        if not complaint:
            did.append(f"pulled {wish.image}")
        elif wish.chosen:
            raise _not_to_be_had(wish, complaint)
        else:
            left.append(wish)
            if not any(word in complaint for word in ANSWERS):
                silent[source] = complaint
    return did, left


def in_store(images: Iterable[str]) -> set[str]:
    """Return those of some images that the local store holds."""
    asked = list(dict.fromkeys(images))
    found = process.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", *asked], timeout_seconds=INSPECT_SECONDS, check=False
    )
    # Docker answers for those that it has, and complains of each of the others by name.
    complaints = found.stderr.strip().splitlines()
    absent = {line.rpartition("No such image: ")[2] for line in complaints if "No such image: " in line}
    if not found.ok and (len(absent) != len(complaints) or not absent <= set(asked)):
        raise SeatrialError(Code.ENGINE_FAILED, f"docker image inspect: {found.complaint}", hint="./invoke doctor")
    return set(asked) - absent


def pull(image: str) -> str:
    """Pull an image; return nothing when it is here now, else what the engine said, in one line.

    Docker itself gives up after about 25 s on a registry that accepts and says nothing, and at once on one that cannot
    be found; the bound here is for a transfer that does not end.
    """
    try:
        with console.step(f"pulling {image}") as step:
            process.run(["docker", "pull", image], timeout_seconds=PULL_SECONDS, on_line=step.note)
            step.done(f"pulled {image}")
    except SeatrialError as error:
        if error.code not in {Code.COMMAND_FAILED, Code.TIMED_OUT}:
            raise
        complaint = error.what.splitlines()[-1].removeprefix("Error response from daemon: ")
        console.tell(f"  {image} cannot be pulled: {complaint}")
        return complaint
    return ""


def registry(image: str) -> str:
    """Return the registry that an image's name leads to; nothing for Docker's default one."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def _build(recipes: Sequence[rootfs.Recipe], *, allow_install: bool) -> list[str]:
    names = " and ".join(recipe.image for recipe in recipes)
    with console.step(f"building {names} from Debian's packages") as step:
        rootfs.build(recipes, allow_install=allow_install, note=step.note)
        step.done(f"built {names} from Debian's packages")
    return [f"built {recipe.image} from packages of Debian {recipe.release}" for recipe in recipes]


def _not_to_be_had(wish: Wish, complaint: str) -> SeatrialError:
    return SeatrialError(
        Code.BASE_IMAGE,
        f"{wish.variable} is {wish.image}, which is not in the local store and cannot be pulled: {complaint}",
        hint=f"docker pull or docker load it, or choose another {wish.variable} in .env",
    )
