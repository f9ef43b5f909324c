"""On which line of a compose file a part of the resolved model was written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.evidence.compose_lines import Found, find

TEXT = """\
x-hardened: &hardened
  read_only: true
  cap_drop: [ALL]
x-more: &more
  init: true
services:
  web:
    <<: [*hardened, *more]
    image: web
    environment:
      - PASSWORD=x
      - TOKEN
    ports:
      - "127.0.0.1:8080:80"
      - target: 443
        published: "8443"
    volumes: ["./a:/a:ro", "./b:/b"]
  my.own.db:
    image: db
networks: {}
"""


@pytest.mark.parametrize(
    ("path", "item", "line", "depth"),
    [
        ("services.web", "", 7, 2),
        ("services.web.image", "", 9, 3),
        ("services.web.read_only", "", 2, 3),
        ("services.web.init", "", 5, 3),
        ("services.web.user", "", 7, 2),
        ("services.web.environment.PASSWORD", "", 11, 4),
        ("services.web.environment.TOKEN", "", 12, 4),
        ("services.web.environment.OTHER", "", 10, 3),
        ("services.web.ports", "80", 14, 4),
        ("services.web.ports", "443", 15, 4),
        ("services.web.ports", "1", 13, 3),
        ("services.web.volumes", "/b", 17, 4),
        ("services.my.own.db.image", "", 19, 5),
        ("services.gone.image", "", 6, 1),
        ("networks.edge", "", 20, 1),
    ],
)
def test_the_deepest_part_that_is_written_is_found(path: str, item: str, line: int, depth: int) -> None:
    assert find(TEXT, path, item) == Found(depth, line)


@pytest.mark.parametrize(
    "text", ["", "- a\n", "just words", "a: [", "services: *unknown\n", "\x00", "a: " + "[" * 5000]
)
def test_what_is_no_compose_file_holds_nothing(text: str) -> None:
    assert find(text, "volumes.data") is None


def test_a_key_that_is_no_text_is_passed_over() -> None:
    assert find("services:\n  ? [a, b]\n  : 1\n  web: {}\n", "services.web") == Found(2, 4)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab.:-[]{}&*<>?|\n \"'!#%@", max_size=60), st.text(alphabet="ab.", max_size=6))
def test_no_text_is_too_strange(text: str, path: str) -> None:
    found = find(text, path)
    assert found is None or 0 < found.line <= text.count("\n") + 1
