"""The readers of all slot types, in one table."""

from collections.abc import Mapping
from types import MappingProxyType

from parley_server.core.slots import SlotType
from parley_server.nlu.values.booleans import BooleanReader
from parley_server.nlu.values.choices import ChoiceReader
from parley_server.nlu.values.dates.reader import DateReader
from parley_server.nlu.values.emails import EmailReader
from parley_server.nlu.values.numbers import NumberReader
from parley_server.nlu.values.phones import PhoneReader
from parley_server.nlu.values.protocol import ValueReader
from parley_server.nlu.values.strings import StringReader
from parley_server.nlu.values.times import TimeReader

READERS: Mapping[SlotType, ValueReader] = MappingProxyType(
    {
        SlotType.STRING: StringReader(),
        SlotType.INTEGER: NumberReader(whole=True),
        SlotType.FLOAT: NumberReader(whole=False),
        SlotType.BOOLEAN: BooleanReader(),
        SlotType.DATE: DateReader(),
        SlotType.TIME: TimeReader(),
        SlotType.EMAIL: EmailReader(),
        SlotType.PHONE: PhoneReader(),
        SlotType.CHOICE: ChoiceReader(),
    }
)
