"""Typed values: one module for each slot type turns words into a value, or into a reason why not."""
