"""Measurements of parley: run one with `python -m benchmarks.<part>.<name>`."""
