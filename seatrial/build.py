"""The image: built with BuildKit, measured, listed."""

from __future__ import annotations

import json
import os
import re
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import console, engine, process
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import Evidence, tree
from seatrial.evidence.base import SCRATCH, base_image, chosen
from seatrial.evidence.image import base_documents, chain_id, documents
from seatrial.evidence.requirements import Distribution, installed, weights
from seatrial.evidence.secrets import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seatrial.engine import Engine
    from seatrial.settings import Settings

BUILD_TIMEOUT_SECONDS = 1200.0
SBOM_FILE = "dist/sbom.cdx.json"
CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
SHOWN_CHARACTERS = 100
PROGRESS_STYLES = ("auto", "plain")


@dataclass(frozen=True)
class Ledger:
    """What an image weighs. Package sizes in bytes by distribution; `other` is the payload that no package owns."""

    image_id: str
    base_bytes: int
    payload_bytes: int
    packages: dict[str, int]
    other_bytes: int


def task(settings: Settings, *, no_cache: bool, progress: str) -> int:
    """Build, print the ledger, write the SBOM. Raises SeatrialError USAGE for an unknown progress style."""
    if progress not in PROGRESS_STYLES:
        raise SeatrialError(
            Code.USAGE, f"unknown progress style: {progress}", hint=f"styles: {', '.join(PROGRESS_STYLES)}"
        )
    connected = engine.connect()
    with console.step(f"building {settings.image}", plain=progress == "plain") as step:
        run(settings, no_cache=no_cache, note=step.note)
        step.note("weighing it")
        weighed, distributions = ledger(connected, settings, settings.image)
        file = write_sbom(settings, connected.image(settings.image) or {}, settings.image, distributions)
        step.done(f"{settings.image} built, SBOM in {file.relative_to(settings.root)}", next="./invoke up --prod")
    show(weighed)
    return 0


def run(settings: Settings, *, no_cache: bool = False, note: Callable[[str], None], tag: str = "") -> str:
    """Build the image and return its id. `tag` defaults to the project's image name; "-" builds without a name.

    Raises SeatrialError BUILD_FAILED with the step's last words, DISK_FULL, ENGINE_PLUGIN or ENGINE_UNREACHABLE.
    """
    if not settings.dockerfile:
        raise SeatrialError(Code.SETTINGS, f"there is no Dockerfile in {settings.root}", hint="write one, or name it")
    source = tree.revision(settings)
    with tempfile.TemporaryDirectory(prefix="seatrial-build-") as folder:
        id_file = Path(folder) / "id"
        argv = ["docker", "buildx", "build", "--progress", "plain", "--load", "--iidfile", str(id_file)]
        argv += ["--provenance=false", "--file", settings.dockerfile]
        if tag != "-":
            argv += ["--tag", tag or settings.image]
        if no_cache:
            argv.append("--no-cache")
        for name, value in _arguments(settings, source).items():
            argv += ["--build-arg", f"{name}={value}"]
        authority = certificate_authority()
        if authority:
            argv += ["--secret", f"id=ca,src={authority}"]
        done = process.run(
            [*argv, "."],
            cwd=settings.root,
            check=False,
            timeout_seconds=BUILD_TIMEOUT_SECONDS,
            on_line=lambda line: note(_step(line)),
        )
        if not done.ok:
            raise _build_error(done.stderr)
        return id_file.read_text(encoding="utf-8").strip()


def ledger(connected: Engine, settings: Settings, reference: str) -> tuple[Ledger, list[Distribution]]:
    """Return what the image weighs and which distributions it holds, read from its layers."""
    stands_on = base_image(settings)
    base_found, _ = base_documents(connected, stands_on)
    evidence = Evidence(settings, {**documents(connected, reference, Wanted()), **base_found})
    payload = evidence.files(evidence.payload())
    distributions = installed(payload)
    packages = weights(payload)
    other = packages.pop("", 0)
    image = evidence.image()
    payload_bytes = sum(entry.size_bytes for layer in evidence.payload() for entry in layer.entries)
    base = (connected.image(stands_on) if stands_on != SCRATCH else None) or {}
    return (
        Ledger(image["Id"], int(base.get("Size") or 0), payload_bytes, packages, other),
        sorted(distributions, key=lambda found: found.name),
    )


def show(ledger: Ledger) -> None:
    """Print the ledger."""
    rows = [("base", ledger.base_bytes), ("payload", ledger.payload_bytes)]
    rows += [(f"  {name}", size) for name, size in ledger.packages.items()]
    rows += [("  other", ledger.other_bytes), ("total", ledger.base_bytes + ledger.payload_bytes)]
    for name, size in rows:
        console.say(f"{name:<24}{size / 1_000_000:>9.2f} MB")
    console.say(f"{'image id':<24}{ledger.image_id}")


def write_sbom(
    settings: Settings, inspected: Mapping[str, Any], reference: str, distributions: Sequence[Distribution]
) -> Path:
    """Write a CycloneDX SBOM of the image's distributions and return its path.

    A side file: the classic image store refuses attestations. It says which image it is of by the chain id of the
    layers, because the image id depends on the kind of store that the image lies in.
    """
    from cyclonedx.model import Property  # noqa: PLC0415 - only a build pays for the library
    from cyclonedx.model.bom import Bom  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    bom = Bom()
    bom.metadata.timestamp = datetime.fromtimestamp(tree.revision(settings).epoch_seconds, UTC)
    subject = Component(type=ComponentType.CONTAINER, name=reference, bom_ref="image", version=inspected["Id"])
    subject.properties.add(Property(name="seatrial:chain_id", value=chain_id(inspected["RootFS"]["Layers"])))
    subject.properties.add(Property(name="seatrial:base_image", value=base_image(settings)))
    bom.metadata.component = subject
    for found in distributions:
        purl = PackageURL("pypi", name=found.name, version=found.version)
        bom.components.add(
            Component(
                type=ComponentType.LIBRARY, name=found.name, version=found.version, purl=purl, bom_ref=purl.to_string()
            )
        )
    bom.register_dependency(subject, list(bom.components))
    file = settings.path(SBOM_FILE)
    file.parent.mkdir(exist_ok=True)
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    # A random serial number would make two lists of the same image differ.
    document.pop("serialNumber", None)
    file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return file


def certificate_authority() -> str | None:
    """Return the bundle of certificate authorities that this machine's tools are told to use, when it is one.

    Handed to the build as a secret for the one step that talks to the package index. A file that holds a private key or
    no certificate is refused with SeatrialError BUILD_FAILED.
    """
    for variable in CA_VARIABLES:
        path = os.environ.get(variable)
        if not path:
            continue
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
            ssl.create_default_context(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise SeatrialError(
                Code.BUILD_FAILED,
                f"{variable}={path} is no bundle of certificates: {error}",
                hint=f"mend or unset {variable}",
            ) from error
        if "PRIVATE KEY" in text:
            raise SeatrialError(
                Code.BUILD_FAILED,
                f"{variable}={path} holds a private key",
                hint=f"point {variable} at certificates only",
            )
        return path
    return None


def _arguments(settings: Settings, source: tree.Revision) -> dict[str, str]:
    created = datetime.fromtimestamp(source.epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    arguments = {
        **chosen(settings),
        "SOURCE_DATE_EPOCH": str(source.epoch_seconds),
        "REVISION": source.name,
        "CREATED": created,
    }
    version = re.search(r'^version\s*=\s*"([^"]+)"', settings.text(settings.project_file), re.MULTILINE)
    if version:
        arguments["VERSION"] = version[1]
    return arguments


def _step(line: str) -> str:
    """Return what a line of BuildKit's plain progress says to a person, or nothing."""
    match = re.match(r"#\d+ (?:\d+\.\d+ )?(?P<said>(?!sha256:|DONE|CACHED|extracting|resolve).+)", line)
    said = match["said"].strip() if match else ""
    return said if len(said) <= SHOWN_CHARACTERS else f"{said[:SHOWN_CHARACTERS]} ..."


def _build_error(stderr: str) -> SeatrialError:
    if process.lacks_plugin(stderr):
        return SeatrialError(
            Code.ENGINE_PLUGIN,
            "the docker client has no buildx",
            hint="./invoke setup --engine, or install docker-buildx",
        )
    if "Cannot connect to the Docker daemon" in stderr:
        return SeatrialError(Code.ENGINE_UNREACHABLE, "no Docker Engine answers", hint="./invoke setup --engine")
    if "no space left on device" in stderr:
        return SeatrialError(Code.DISK_FULL, "the disk is full", hint="docker system df; docker builder prune")
    if re.search(r"pull access denied|failed to resolve source metadata|failed to do request", stderr):
        return SeatrialError(Code.BASE_IMAGE, "the base image is not here and cannot be pulled", hint="./invoke setup")
    failed = re.search(
        r"^------\n > \[(?P<step>[^\]]+)\][^\n]*\n(?P<said>.*?)\n------$", stderr, re.MULTILINE | re.DOTALL
    )
    if failed:
        # BuildKit repeats the failed step's own words, and after them the Dockerfile's lines, which say less.
        words = [re.sub(r"^\d+\.\d+ ", "", line) for line in failed["said"].splitlines()]
        lines = [f"in step {failed['step']}:", *words[-14:]]
    else:
        lines = [line for line in stderr.splitlines() if line.strip() and not re.match(r"#\d+ (?:sha256:|DONE)", line)]
    return SeatrialError(
        Code.BUILD_FAILED, "\n".join(lines[-15:]), hint="mend what the last lines say, then: ./invoke build"
    )
