"""What the resolved compose model grants, by theme. Importing this package registers the whole family."""

from seatrial.checks.compose import hardening, isolation, lasting, mounts, redis, secrets, services

__all__ = ["hardening", "isolation", "lasting", "mounts", "redis", "secrets", "services"]
