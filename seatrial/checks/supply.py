"""Where the image comes from, and whether it can be made again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.packages import payload_files
from seatrial.evidence.base import SCRATCH
from seatrial.evidence.image import chain_id
from seatrial.evidence.requirements import installed
from seatrial.waivers import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence


@check(
    "supply.reproducible",
    sabotage=lambda e: e.edited(
        "supply.rebuild", lambda r: {**r, "image_id": "sha256:other", "differs": ["app/sabotage"]}
    ),
    mend="find what makes the named file differ: a time, a random name, an order",
)
def reproducible(evidence: Evidence) -> Iterator[Problem]:
    """A second build without cache gives the same image.

    Only then can anyone else prove that the image was made from this source.
    """
    rebuild = evidence.document("supply.rebuild", "builds")
    found = str(evidence.image()["Id"])
    if rebuild["image_id"] == found:
        return
    for path in rebuild["differs"][:10]:
        yield Problem("the file differs between two builds", f"/{path}")
    if not rebuild["differs"]:
        yield Problem(
            f"the rebuilt image is {rebuild['image_id'][:19]}, this one {found[:19]}, with the same files",
            "image configuration",
        )


@check(
    "supply.sbom",
    sabotage=lambda e: e.edited("supply.sbom", lambda s: s.update(components=[], metadata={})),
    mend="./invoke build writes it",
)
def sbom(evidence: Evidence) -> Iterator[Problem]:
    """The SBOM lists exactly the distributions that are installed, of this very image.

    Who looks up a vulnerability in it must find what is there.
    """
    document = evidence.json("supply.sbom", "")
    listed = {c["name"]: c.get("version", "") for c in document.get("components") or [] if c.get("type") == "library"}
    found = {d.name: d.version for d in installed(payload_files(evidence))}
    evidence.seen["components"] += len(listed)
    for name in sorted(found.keys() - listed.keys()):
        yield Problem(f"{name} {found[name]} is installed and not listed", "SBOM")
    for name in sorted(listed.keys() - found.keys()):
        yield Problem(f"{name} {listed[name]} is listed and not installed", "SBOM")
    for name in sorted(listed.keys() & found.keys()):
        if listed[name] != found[name]:
            yield Problem(f"{name} is listed as {listed[name]}, installed is {found[name]}", "SBOM")
    if chain_id(evidence.image()["RootFS"]["Layers"]) not in json.dumps(document.get("metadata", {})):
        yield Problem("the SBOM is of another image", "SBOM: metadata")


@check(
    "supply.base",
    sabotage=lambda e: e.edited("image.base_layers", lambda _: ["sha256:another-base"]),
    mend="./invoke build, with the base image that PYTHON_IMAGE names in the store",
    trips=("image.payload_budget",),
)
def base(evidence: Evidence) -> Iterator[Problem]:
    """The image stands on the base image that is in the store, by its digests, plus the layers that are planned.

    A base that was pulled anew under the same name is not what was tested; each further layer can hide a file.
    """
    own, base = evidence.layers(), evidence.base_layer_count()
    reference = evidence.document("image.base", "")["reference"]
    planned = evidence.settings.payload_layers
    found = len([layer for layer in own[base:] if layer.entries])
    if reference != SCRATCH and (base == 0 or base != len(evidence.document("image.base_layers", ""))):
        yield Problem(f"the image does not stand on {reference} as it is in the store", "RootFS.Layers")
    elif planned and found != planned:
        yield Problem(f"{found} layers lie on the base, not {planned}", "RootFS.Layers")


@check(
    "supply.waivers",
    sabotage=lambda e: e.edited(
        DOCUMENT,
        lambda rows: [
            *rows,
            {"promise": "image.user", "place": "*", "expires": "2000-01-01", "expired": True, "unused": False},
        ],
    ),
    mend="keep the promise and remove the waiver from [tool.seatrial], or say anew until when it is needed and why",
)
def waivers(evidence: Evidence) -> Iterator[Problem]:
    """Every waiver is in force, and something still needs it.

    A waiver that nobody looks at again becomes a hole that everybody has got used to.
    """
    rows = evidence.document(DOCUMENT)
    evidence.seen["waivers"] += len(rows)
    for row in rows:
        where = f"waiver of {row['promise']} at {row['place']}"
        if row["expired"]:
            yield Problem(f"it expired on {row['expires']}", where)
        elif row["unused"]:
            yield Problem("nothing needs it any more", where)
