"""Typed values: one module for each slot type turns words into a value, or into a reason why not.

`READERS` has the reader of each type.
"""

from parley_server.nlu.values.protocol import Reference, Refusal, ValueReader
from parley_server.nlu.values.readers import READERS

__all__ = ["READERS", "Reference", "Refusal", "ValueReader"]
