"""Names of images: which say what version they mean."""

from __future__ import annotations

import re

_MOVING = {
    *("latest", "stable", "unstable", "edge", "nightly", "main", "master", "dev", "devel", "develop", "rolling"),
    *("canary", "current", "head", "mainline", "testing", "snapshot", "next"),
}
"""Words of tags that are another image tomorrow, by their own meaning."""
_DIGEST = re.compile(r"@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$")


def is_pinned(image: str) -> bool:
    """Whether a reference has a digest, or a tag that names a version: `redis:7`, not `redis`, not `redis:latest`."""
    if _DIGEST.search(image):
        return True
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return bool(tag) and not set(re.split(r"[-_.]", tag.lower())) & _MOVING
