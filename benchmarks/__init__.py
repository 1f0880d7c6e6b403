"""Measurements of parley: `python -m benchmarks` runs them, `python -m benchmarks TOPIC` one of them.

A topic is a module that has `measure`, which gives its figures one by one.
"""
