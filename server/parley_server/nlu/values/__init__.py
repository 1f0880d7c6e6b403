"""Typed values: one module for each slot type turns words into a value, or into a reason why not.

`READERS` has the reader of each type; `read_slot` reads one slot from one message, as a turn does.
"""

from parley_server.nlu.values.protocol import Reference, Refusal, ValueReader
from parley_server.nlu.values.readers import READERS
from parley_server.nlu.values.reading import read_slot

__all__ = ["READERS", "Reference", "Refusal", "ValueReader", "read_slot"]
