"""Measurements of this project on a real engine; `python -m bench` runs them and writes docs/benchmarks.md."""
