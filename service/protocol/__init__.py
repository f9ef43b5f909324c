"""The x402 v2 protocol, scheme `exact` on EVM networks: pure functions, no I/O and no clock of their own.

`strict_json` and `payment` read a request, `eip712` says what was signed and by whom, `judge` decides.
"""
