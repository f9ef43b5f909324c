"""Storage in memory that keeps the promises of Redis, and breaks as it is told."""

from __future__ import annotations

from service.claims import StoreError


class MemoryClaims:
    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.expiries_ms: dict[str, int] = {}
        self.fails_with: str | None = None
        self.loses_replies = False
        self.commands = 0

    def _begin(self) -> None:
        self.commands += 1
        if self.fails_with is not None:
            raise StoreError(self.fails_with)

    def _end(self) -> None:
        if self.loses_replies:
            raise StoreError("CLOSED")

    async def read(self, key: str) -> bytes | None:
        self._begin()
        return self.stored.get(key)

    async def claim(self, key: str, record: bytes, expires_ms: int) -> bytes | None:
        self._begin()
        earlier = self.stored.get(key)
        if earlier is None:
            self.stored[key], self.expiries_ms[key] = record, expires_ms
        self._end()
        return earlier

    async def move(self, keys: tuple[str, str, str], amount: int, record: bytes) -> list[bytes]:
        self._begin()
        claim, payer, payee = keys
        if claim in self.stored:
            return [b"claimed", self.stored[claim]]
        has = int(self.stored.get(payer, b"0"))
        if has < amount:
            return [b"insufficient"]
        self.stored[payer] = b"%d" % (has - amount)
        self.stored[payee] = b"%d" % (int(self.stored.get(payee, b"0")) + amount)
        self.stored[claim] = record
        self._end()
        return [b"moved"]

    async def expire(self, key: str, record: bytes, expires_ms: int) -> None:
        self._begin()
        assert self.stored[key] == record
        self.expiries_ms[key] = expires_ms
