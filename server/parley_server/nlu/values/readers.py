"""The readers of all slot types, in one table."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from parley_server.core.slots import Candidate, SlotDefinition, SlotType, SlotValue
from parley_server.nlu.values.booleans import BooleanReader
from parley_server.nlu.values.choices import ChoiceReader
from parley_server.nlu.values.dates.reader import DateReader
from parley_server.nlu.values.emails import EmailReader
from parley_server.nlu.values.numbers import NumberReader
from parley_server.nlu.values.phones import PhoneReader
from parley_server.nlu.values.protocol import Reference, Refusal, ValueReader
from parley_server.nlu.values.strings import StringReader
from parley_server.nlu.values.times import TimeReader

LONGEST_SEARCH = 1000
"""How many characters of a message are searched for values."""


class BoundedReader:
    """Keeps a reader from a text so long that reading it would hold up every other turn."""

    def __init__(self, reader: ValueReader) -> None:
        self._reader = reader

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Parses as the reader does; no value is longer than what is searched."""
        if isinstance(words, str) and len(words) > LONGEST_SEARCH:
            return Refusal(f"Please answer with at most {LONGEST_SEARCH} characters.")
        return self._reader.parse(words, definition, reference)

    def find(self, message: str, definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds what the reader finds in the first characters of the message."""
        return self._reader.find(message[:LONGEST_SEARCH], definition, reference)


READERS: Mapping[SlotType, ValueReader] = MappingProxyType(
    {
        SlotType.STRING: StringReader(),
        SlotType.INTEGER: BoundedReader(NumberReader(whole=True)),
        SlotType.FLOAT: BoundedReader(NumberReader(whole=False)),
        SlotType.BOOLEAN: BoundedReader(BooleanReader()),
        SlotType.DATE: BoundedReader(DateReader()),
        SlotType.TIME: BoundedReader(TimeReader()),
        SlotType.EMAIL: BoundedReader(EmailReader()),
        SlotType.PHONE: BoundedReader(PhoneReader()),
        SlotType.CHOICE: BoundedReader(ChoiceReader()),
    }
)
