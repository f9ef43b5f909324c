"""Evidence: what is handed out is counted, what is edited stays a copy, layers lie over each other as at run time."""

from __future__ import annotations

import pytest

from seatrial.evidence import Evidence, MissingEvidence, entries_of
from seatrial.evidence.archive import Entry, Layer
from tests import good


def file(path: str, kind: str = "file") -> Entry:
    return good.entry({"path": path, "kind": kind, "mode": 0o644})


def visible(*layers: list[str]) -> list[str]:
    made = [
        Layer(
            f"sha256:{number}",
            tuple(file(path.rstrip("/"), "folder" if path.endswith("/") else "file") for path in paths),
        )
        for number, paths in enumerate(layers)
    ]
    evidence = good.evidence().with_document("image.layers", tuple(made))
    return sorted(evidence.files())


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([["a", "b"], ["b"]], ["a", "b"]),
        ([["a", "b"], [".wh.a"]], ["b"]),
        ([["d/", "d/a", "d/b"], ["d/.wh.a"]], ["d", "d/b"]),
        ([["d/", "d/a", "e"], [".wh.d"]], ["e"]),
        ([["d/", "d/a", "dx"], [".wh.d"]], ["dx"]),
        ([["d/", "d/a", "d/b"], ["d/", "d/.wh..wh..opq", "d/c"]], ["d", "d/c"]),
        ([["d/", "d/a"], ["d/", "d/c", "d/.wh..wh..opq"]], ["d", "d/c"]),
        ([["a", "d/", "d/b"], [".wh..wh..opq", "c"]], ["c"]),
        ([["a"], [".wh.a"], ["a"]], ["a"]),
        ([["a"], ["a", ".wh.a"]], ["a"]),
        ([["d/", "d/a"], ["d"]], ["d"]),
        ([["d"], ["d/", "d/a"]], ["d", "d/a"]),
        ([["a"], [".wh.missing"]], ["a"]),
        ([[".wh.a"], ["a"]], ["a"]),
    ],
)
def test_whiteouts_hide_what_lies_below(layers: list[list[str]], expected: list[str]) -> None:
    assert visible(*layers) == expected


def test_deleted_entries_are_still_in_their_layer() -> None:
    layers = (Layer("a", (file("x"),)), Layer("b", (file(".wh.x"),)))
    assert [(number, entry.path) for number, entry in entries_of(layers)] == [(1, "x"), (2, ".wh.x")]


@pytest.mark.parametrize(
    ("base", "own", "count"),
    [(["a"], ["a", "b"], 1), (["a", "b"], ["a", "c"], 1), (["x"], ["a"], 0), ([], ["a"], 0), (["a", "b"], ["a"], 1)],
)
def test_base_layers_are_compared_from_below(base: list[str], own: list[str], count: int) -> None:
    layers = tuple(Layer(name, ()) for name in own)
    evidence = good.evidence().with_document("image.layers", layers).with_document("image.base_layers", base)
    assert evidence.base_layer_count() == count


def test_what_was_not_gathered_says_why() -> None:
    evidence = Evidence(good.settings(), {}, {"trial": "no engine", "supply.rebuild": "no index"})
    for name, reason in (("trial.logs", "no engine"), ("supply.rebuild", "no index"), ("x.y", "x.y was not gathered")):
        with pytest.raises(MissingEvidence, match=reason):
            evidence.document(name)
    with pytest.raises(MissingEvidence, match="was not gathered"):
        evidence.layers()
    with pytest.raises(MissingEvidence, match="no secret to look for"):
        evidence.a_secret()


def test_an_unasked_question_is_missing_evidence() -> None:
    with pytest.raises(MissingEvidence, match="Redis was not asked: who are you"):
        good.evidence().reply("who are you")


def test_what_is_handed_out_is_counted() -> None:
    evidence = good.evidence()
    evidence.services()
    evidence.services("development")
    evidence.container("facilitator")
    evidence.reply("service: PING")
    evidence.context()
    assert evidence.seen["services"] == 4
    assert evidence.seen["containers"] == evidence.seen["replies"] == 1
    assert evidence.seen["context files"] == len(evidence.documents["context.entries"])
    assert not evidence.unobserved().seen


def test_an_edit_changes_a_copy_only() -> None:
    evidence = good.evidence()
    before = evidence.json("compose.production")
    changed = evidence.with_service("facilitator", lambda service: service.update(image="other"))
    assert changed.services()["facilitator"]["image"] == "other"
    assert evidence.json("compose.production") == before
    inspected = evidence.edited("image.inspect", lambda image: image["Config"].update(User="0"))
    assert inspected.image_config()["User"] == "0"
    assert evidence.image_config()["User"] == "1001:1001"


def test_an_edit_may_return_another_value() -> None:
    evidence = good.evidence().edited("tree.epoch", lambda epoch: epoch + 1)
    assert evidence.document("tree.epoch") == good.evidence().document("tree.epoch") + 1


def test_editing_what_is_missing_is_missing_evidence() -> None:
    with pytest.raises(MissingEvidence):
        Evidence(good.settings(), {}).edited("trial.logs", lambda logs: logs)


def test_a_service_that_is_missing_is_made_for_the_edit() -> None:
    evidence = good.evidence().edited("compose.production", lambda model: model["services"].pop("facilitator"))
    assert "facilitator" not in evidence.services()
    assert evidence.with_service("facilitator", lambda service: service.update(privileged=True)).services()[
        "facilitator"
    ]


def test_more_files_lie_in_the_topmost_layer_that_holds_any() -> None:
    evidence = good.evidence().with_files({"app/new.txt": good.SECRET.encode()}, mode=0o600)
    found = evidence.files()["app/new.txt"]
    assert found.mode == 0o600
    assert found.leaks
    assert len(evidence.layers()) == len(good.evidence().layers())


def test_the_recorded_evidence_tells_nothing_of_the_machine_that_recorded_it() -> None:
    text = good.RECORD.read_text(encoding="utf-8")
    for trace in ("/work", "/home/", "/tmp/", "/var/lib/docker", "seatrial-record", "seatrial-trial", "localhost:"):
        assert trace not in text
    assert good.SECRET not in text
