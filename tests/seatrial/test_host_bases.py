"""Base images: which are used, pulled, built, and which choice is written to .env."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING

import pytest

from seatrial import process, settings
from seatrial.errors import Code, SeatrialError
from seatrial.host import apt, bases, ensure_bases, rootfs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PYTHON, REDIS = "python:3.13-slim-trixie", "redis:7-alpine"
OWN_PYTHON, OWN_REDIS = "seatrial/python:3.13-trixie", "seatrial/redis:7-bookworm"
NO_SUCH_HOST = "dial tcp: lookup registry.example.org: no such host"


@dataclasses.dataclass
class Docker:
    """A local store and what registries say; what is asked for is written down."""

    store: set[str]
    refusals: dict[str, str]
    asked: list[str] = dataclasses.field(default_factory=list)
    built: list[str] = dataclasses.field(default_factory=list)

    def in_store(self, images: Sequence[str]) -> set[str]:
        return set(images) & self.store

    def pull(self, image: str) -> str:
        self.asked.append(image)
        refusal = self.refusals.get(image, "")
        if not refusal:
            self.store.add(image)
        return refusal

    def build(self, recipes: Sequence[rootfs.Recipe], **_: object) -> None:
        self.built += [recipe.image for recipe in recipes]
        self.store |= set(self.built)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    made = Docker(store=set(), refusals={PYTHON: NO_SUCH_HOST, REDIS: NO_SUCH_HOST})
    monkeypatch.setattr(bases, "in_store", made.in_store)
    monkeypatch.setattr(bases, "pull", made.pull)
    monkeypatch.setattr(rootfs, "build", made.build)
    for variable in settings.IMAGE_DEFAULTS:
        monkeypatch.delenv(variable, raising=False)
    return made


@pytest.fixture
def project(tmp_path: Path) -> settings.Settings:
    return dataclasses.replace(settings.load(), root=tmp_path)


def env_of(project: settings.Settings) -> str:
    path = project.path(".env")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_what_is_in_the_store_is_used(docker: Docker, project: settings.Settings) -> None:
    docker.store = {PYTHON, REDIS}
    assert ensure_bases(project, allow_install=False) == []
    assert (docker.asked, docker.built, env_of(project)) == ([], [], "")


def test_what_a_registry_has_is_pulled(docker: Docker, project: settings.Settings) -> None:
    docker.refusals = {}
    assert ensure_bases(project, allow_install=False) == [f"pulled {PYTHON}", f"pulled {REDIS}"]
    assert (docker.built, env_of(project)) == ([], "")


def test_with_no_registry_both_are_built_and_the_choice_is_written(docker: Docker, project: settings.Settings) -> None:
    project.path(".env").write_text("# mine\nBIND_ADDRESS=127.0.0.1", encoding="utf-8")
    did = ensure_bases(project, allow_install=False)
    assert docker.built == [OWN_PYTHON, OWN_REDIS]
    assert env_of(project) == (f"# mine\nBIND_ADDRESS=127.0.0.1\nPYTHON_IMAGE={OWN_PYTHON}\nREDIS_IMAGE={OWN_REDIS}\n")
    assert len(did) == 4
    assert ensure_bases(project, allow_install=False) == []


def test_a_registry_that_does_not_answer_is_asked_once(docker: Docker, project: settings.Settings) -> None:
    ensure_bases(project, allow_install=False)
    assert docker.asked == [PYTHON]


def test_a_registry_that_answers_is_asked_for_each(docker: Docker, project: settings.Settings) -> None:
    docker.refusals = {PYTHON: "manifest unknown"}
    ensure_bases(project, allow_install=False)
    assert docker.asked == [PYTHON, REDIS]
    assert docker.built == [OWN_PYTHON]
    assert env_of(project) == f"PYTHON_IMAGE={OWN_PYTHON}\n"


def test_one_that_was_built_before_is_chosen_again_without_asking(docker: Docker, project: settings.Settings) -> None:
    docker.store = {OWN_PYTHON, REDIS}
    did = ensure_bases(project, allow_install=False)
    assert (docker.asked, docker.built) == ([], [])
    assert env_of(project) == f"PYTHON_IMAGE={OWN_PYTHON}\n"
    assert len(did) == 1


def test_an_own_base_that_is_gone_is_built_again_and_never_pulled(docker: Docker, project: settings.Settings) -> None:
    docker.store = {REDIS}
    project.path(".env").write_text(f"PYTHON_IMAGE={OWN_PYTHON}\n", encoding="utf-8")
    ensure_bases(project, allow_install=False)
    assert (docker.asked, docker.built) == ([], [OWN_PYTHON])
    assert env_of(project) == f"PYTHON_IMAGE={OWN_PYTHON}\n"


@pytest.mark.parametrize("where", [".env", "environment"])
def test_an_operators_choice_is_never_replaced(
    docker: Docker, project: settings.Settings, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    chosen = "registry.example.org/team/python:3.13"
    docker.refusals[chosen] = "unauthorized"
    if where == ".env":
        project.path(".env").write_text(f"PYTHON_IMAGE={chosen}\n", encoding="utf-8")
    else:
        monkeypatch.setenv("PYTHON_IMAGE", chosen)
    before = env_of(project)
    with pytest.raises(SeatrialError, match="unauthorized") as raised:
        ensure_bases(project, allow_install=True)
    assert raised.value.code is Code.BASE_IMAGE
    assert chosen in raised.value.what
    assert (docker.built, env_of(project)) == ([], before)


def test_a_choice_that_equals_the_default_is_a_choice(docker: Docker, project: settings.Settings) -> None:
    project.path(".env").write_text(f"REDIS_IMAGE={REDIS}\n", encoding="utf-8")
    docker.store = {PYTHON, OWN_REDIS}
    with pytest.raises(SeatrialError):
        ensure_bases(project, allow_install=True)
    assert env_of(project) == f"REDIS_IMAGE={REDIS}\n"


def test_a_name_of_ours_that_nothing_makes_is_refused(docker: Docker, project: settings.Settings) -> None:
    project.path(".env").write_text("PYTHON_IMAGE=seatrial/python:3.14\n", encoding="utf-8")
    with pytest.raises(SeatrialError, match="makes no such image") as raised:
        ensure_bases(project, allow_install=True)
    assert OWN_PYTHON in raised.value.hint
    assert docker.asked == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("python:3.13", ""),
        ("library/python", ""),
        ("registry.example.org/python:3", "registry.example.org"),
        ("localhost/python", "localhost"),
        ("mirror:5000/python", "mirror:5000"),
    ],
)
def test_which_registry_a_name_leads_to(image: str, expected: str) -> None:
    assert bases.registry(image) == expected


def test_pulling_returns_the_engines_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: Sequence[str], **_: object) -> process.Completed:
        raise SeatrialError(
            Code.COMMAND_FAILED, f"`{argv[0]}` ended with 1:\nError response from daemon: {NO_SUCH_HOST}"
        )

    monkeypatch.setattr(process, "run", run)
    assert bases.pull(PYTHON) == NO_SUCH_HOST


@pytest.mark.parametrize("variable", sorted(rootfs.RECIPES))
def test_the_script_of_a_recipe_is_a_script(variable: str) -> None:
    options = ['Acquire::http::Proxy "http://proxy.example.org:3142";', "it's quoted"]
    text = rootfs.script(rootfs.RECIPES[variable], ["mmdebstrap", "--mode=root"], options)
    subprocess.run(["sh", "-n"], input=text, check=True, text=True)
    asked = subprocess.run(
        ["sh"],
        input=f'mmdebstrap() {{ printf "%s\\n" "$@"; }}\ndocker() {{ :; }}\n{text}',
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert "--aptopt=it's quoted" in asked
    assert "packages.sources" in asked


def test_a_base_that_did_not_come_out_is_an_error_with_the_last_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(rootfs, "_prepared", lambda **_: ["mmdebstrap"])
    monkeypatch.setattr(rootfs, "_sources", lambda _: "")
    monkeypatch.setattr(apt, "fetch_options", list)
    monkeypatch.setattr(rootfs, "script", lambda *_: "echo E: Unable to fetch some archives; exit 25\n")
    with pytest.raises(SeatrialError, match="Unable to fetch") as raised:
        rootfs.build([rootfs.RECIPES["PYTHON_IMAGE"]], allow_install=False, note=lambda _: None)
    assert raised.value.code is Code.BASE_IMAGE
    assert list(tmp_path.iterdir()) == []


def test_two_bases_are_made_side_by_side_and_folders_of_killed_runs_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"seatrial-bases-{dead.pid}-abc").mkdir()
    (tmp_path / "seatrial-bases-else").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(rootfs, "_prepared", lambda **_: ["mmdebstrap"])
    monkeypatch.setattr(rootfs, "_sources", lambda _: "")
    monkeypatch.setattr(apt, "fetch_options", list)
    # Each waits for the other: one after the other they would never end.
    monkeypatch.setattr(
        rootfs,
        "script",
        lambda recipe, *_: (
            f"touch ../{recipe.release}.up; until [ -e ../trixie.up ] && [ -e ../bookworm.up ]; do sleep 0.02; done"
        ),
    )
    rootfs.build(list(rootfs.RECIPES.values()), allow_install=False, note=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["seatrial-bases-else"]


def test_without_mmdebstrap_and_without_leave_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "find", lambda _: None)
    with pytest.raises(SeatrialError, match="mmdebstrap is not installed") as raised:
        rootfs.build(list(rootfs.RECIPES.values()), allow_install=False, note=lambda _: None)
    assert raised.value.code is Code.BASE_IMAGE
    assert "apt-get install mmdebstrap" in raised.value.hint


@pytest.mark.docker
def test_the_real_store_is_asked_for_what_it_has() -> None:
    absent = "seatrial/none:none"
    assert bases.in_store([absent]) == set()
    assert bases.in_store([absent, absent]) == set()


@pytest.mark.docker
@pytest.mark.parametrize("variable", sorted(rootfs.RECIPES))
def test_a_base_that_was_built_here_tells_nothing_of_this_machine(variable: str) -> None:
    image = rootfs.RECIPES[variable].image
    if image not in bases.in_store([image]):
        pytest.skip(f"{image} was not built here: a registry gave its base")
    # The shell runs as root to see everything. Docker writes hosts, hostname and resolv.conf itself.
    script = """
        find / -xdev -type f -perm /6000
        find /etc/apt /var/lib/apt /var/cache /var/log /tmp /root -type f -not -name '.*' -not -name 70debconf 2>&1 |
            grep -v 'No such file'
        grep -rlE 'Proxy|://[^/]*/debian' /etc/apt 2>/dev/null
        true
    """
    argv = ["docker", "run", "--rm", "--network", "none", "--user", "0:0", image, "sh", "-c", script]
    assert process.run(argv, timeout_seconds=60).stdout == ""


@pytest.mark.docker
def test_the_built_redis_has_the_uid_of_the_official_image() -> None:
    if OWN_REDIS not in bases.in_store([OWN_REDIS]):
        pytest.skip(f"{OWN_REDIS} was not built here: a registry gave its base")
    argv = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        OWN_REDIS,
        "sh",
        "-c",
        "id -u; id -g; stat -c %u:%g /data; pwd",
    ]
    assert process.run(argv, timeout_seconds=60).stdout.split() == ["999", "999", "999:999", "/data"]
