"""A small x402 payment facilitator on plain asyncio."""

__version__ = "0.1.0"
