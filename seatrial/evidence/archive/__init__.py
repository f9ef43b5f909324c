"""Facts about files in tar archives: image layers and build contexts, read once, as a stream.

Data flows from `pieces` (bytes) through `headers` (what each member is) and `contents` (what is in it) to `layer` (one
archive) and `saved` (what `docker save` writes, as it comes). `kinds` tells what is packed, `nested` opens it, with
`unpacking` what is compressed and with `plain_forms` the simpler archives. Images in files are `filed`, by way of
`stores` and `manifest`.
"""

from seatrial.evidence.archive.layer import make_tar, read_tar
from seatrial.evidence.archive.model import NOTE, Entry, Layer
from seatrial.evidence.archive.saved import read_image

__all__ = ["NOTE", "Entry", "Layer", "make_tar", "read_image", "read_tar"]
