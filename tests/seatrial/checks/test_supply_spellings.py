"""Where the image comes from: what breaks the proof, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.evidence.archive import Layer
from tests import good


@pytest.mark.parametrize(
    ("rebuild", "expected"),
    [
        (
            {"image_id": "sha256:x", "differs": ["app/a", "app/b"]},
            ["/app/a: the file differs between two builds", "/app/b: the file differs between two builds"],
        ),
        ({"image_id": "sha256:x", "differs": [f"f{number}" for number in range(30)]}, 10),
    ],
)
def test_the_files_that_differ_are_named(rebuild: dict[str, Any], expected: Any) -> None:
    found = good.problems("supply.reproducible", good.evidence().with_document("supply.rebuild", rebuild))
    assert len(found) == expected if isinstance(expected, int) else found == expected


def test_a_configuration_that_differs_is_seen() -> None:
    rebuild = {"image_id": "sha256:other", "differs": []}
    found = good.problems("supply.reproducible", good.evidence().with_document("supply.rebuild", rebuild))
    assert found[0].startswith("image configuration: the rebuilt image is sha256:other")


@pytest.mark.parametrize(
    "edit",
    [
        lambda bom: bom["components"].pop(),
        lambda bom: bom["components"].append({"type": "library", "name": "left-pad", "version": "1"}),
        lambda bom: bom["components"][0].update(version="0"),
        lambda bom: bom.update(components=None),
        lambda bom: bom.update(metadata=None),
        lambda bom: bom.update(metadata={"component": {"version": "sha256:another"}}),
        lambda _: {},
    ],
)
def test_a_list_that_is_not_of_this_image_is_seen(edit: Any) -> None:
    assert good.problems("supply.sbom", good.evidence().edited("supply.sbom", edit))


def test_components_of_other_kinds_do_not_count() -> None:
    evidence = good.evidence().edited(
        "supply.sbom", lambda bom: bom["components"].append({"type": "file", "name": "x"})
    )
    assert good.problems("supply.sbom", evidence) == []


@pytest.mark.parametrize("base", [[], ["sha256:other"], None])
def test_another_base_is_seen(base: list[str] | None) -> None:
    own = good.evidence().document("image.base_layers")
    assert good.problems(
        "supply.base", good.evidence().with_document("image.base_layers", [*own, "sha256:x"] if base is None else base)
    )


@pytest.mark.parametrize(("names", "is_fault"), [(["app/x"], True), ([], False)])
def test_one_more_layer_of_files_is_seen(names: list[str], *, is_fault: bool) -> None:
    entries = tuple(good.entry({"path": name, "kind": "file", "mode": 420}) for name in names)
    evidence = good.evidence().edited("image.layers", lambda found: (*found, Layer("sha256:x", entries)))
    assert bool(good.problems("supply.base", evidence)) is is_fault


def waiver(**states: bool) -> dict[str, Any]:
    row = {"promise": "image.user", "place": "*", "reason": "x", "expires": "2020-01-01"}
    return {**row, "expired": False, "unused": False, **states}


@pytest.mark.parametrize("states", [{"expired": True}, {"unused": True}])
def test_a_waiver_that_should_go_is_seen(states: dict[str, bool]) -> None:
    rows = [waiver(), waiver(**states)]
    assert len(good.problems("supply.waivers", good.evidence().with_document("waivers.states", rows))) == 1


def test_a_waiver_in_force() -> None:
    assert good.problems("supply.waivers", good.evidence().with_document("waivers.states", [waiver()])) == []
