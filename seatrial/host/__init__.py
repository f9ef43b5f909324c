"""What the machine may lack: a Docker Engine and the base images."""

from seatrial.host.bases import ensure_bases
from seatrial.host.engine import ensure_engine

__all__ = ["ensure_bases", "ensure_engine"]
