"""What transfer.yaml needs of the bank, by the names that it gives: `transfer:find_iban` and so on.

A plain function runs in a thread and may block; a coroutine runs on the server's event loop.
"""

import re

from parley_server.core.conditions import Scope
from parley_server.core.reactions import Reaction
from parley_server.core.slots import ValidationScope

_IBAN = re.compile(r"\b(?:de ?|[a-z]{2})\d(?: ?\d){1,29}\b", re.IGNORECASE)


def find_iban(message: str) -> str | None:
    """Finds an account number, and writes it without spaces and in capitals however the user does."""
    found = _IBAN.search(message)
    return found[0].replace(" ", "").upper() if found else None


def check_digits(iban: str, _scope: ValidationScope) -> str | None:
    """Refuses an account number in which a digit must be wrong: its check digits do not fit (ISO 7064)."""
    letters_as_numbers = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])
    return None if int(letters_as_numbers) % 97 == 1 else "A digit must be wrong there: the check digits do not fit."


def tell_limits(scope: Scope) -> Reaction:
    """Says how much can be sent from the account that was chosen, or from each."""
    limits = {"current": "up to 5000 euros a day", "savings": "up to 1000 euros a day"}
    account = scope.context.get_slot("account")
    chosen = {name: limit for name, limit in limits.items() if account in (name, None)}
    return Reaction(say=f"You can send {' and '.join(f'{limit} from {name}' for name, limit in chosen.items())}.")


def warn(_scope: Scope) -> Reaction:
    """Warns of a large sum, once in a conversation."""
    return Reaction(say="That is a large sum. We never ask you to send money.", metadata={"warned": True})


async def send(scope: Scope) -> Reaction:
    """Sends the money, unless the account does not hold as much, and writes down what is left.

    A turn may be taken again before it is committed, so that a real bank would be told the session and the turn with
    the order, and carry it out once.
    """
    balance, amount = scope.context.metadata.get("balance"), scope.context.get_slot("amount")
    if not isinstance(balance, int | float) or not isinstance(amount, float):
        return Reaction(metadata={"refused": None})
    if balance < amount:
        return Reaction(metadata={"refused": True})
    return Reaction(metadata={"refused": None, "balance": balance if scope.dry_run else balance - amount})
