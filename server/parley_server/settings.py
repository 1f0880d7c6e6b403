"""The settings of a server: one place for their defaults, their meaning and what they may be.

The command line, the environment and the README's table are made from the fields of `Settings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from parley_server.errors import InvalidSettings
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability

_LOG_LEVELS = ("debug", "info", "warning", "error")
_MOST_SECONDS = 1e9


def _setting(default: object, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server is to run. Each setting is an option of `parley serve`, and `PARLEY_…` in the environment."""

    listen: str = _setting("127.0.0.1:50051", "The host and port to listen at.")
    store: str = _setting("sqlite:///parley.db", "The URL of the store.")
    assistant: tuple[Path, ...] = _setting(
        (),
        "An assistant's definition; give it more than once for more of them (in the environment: with a colon between "
        "them), the first is the default one.",
    )
    durability: str = _setting("", "What a committed turn must outlive: none, process, disk or replicated.")
    workers: int = _setting(1, "How many processes serve; they share the port and the store.")
    idle_expiry: float = _setting(3600.0, "Seconds that a session outlives its last turn; 0: for ever.")
    turn_budget: float = _setting(60.0, "Seconds that a turn may take when its caller sets no deadline.")
    waiting_turns: int = _setting(64, "How many turns of one session may run or wait at once.")
    lease: float = _setting(
        15.0, "Seconds that a server which stopped in the midst of a turn keeps its session from others."
    )
    store_timeout: float = _setting(2.0, "Seconds that one step of the store may take.")
    drain_delay: float = _setting(0.0, "Seconds to go on serving after SIGTERM, so that balancers notice.")
    grace: float = _setting(30.0, "Seconds that open calls get to end when the server stops.")
    log_level: str = _setting("info", "debug (a line for each call), info (for each refused one), warning or error.")

    def validate(self) -> None:
        """Checks every setting.

        Raises:
            InvalidSettings: It lists every problem.
        """
        problems = [
            f"--{name.replace('_', '-')}: {problem}"
            for name, wrong, problem in (
                ("listen", not _is_address(self.listen), "write HOST:PORT"),
                ("durability", self.durability not in ("", *_durabilities()), f"one of {', '.join(_durabilities())}"),
                ("workers", self.workers < 1, "must be at least 1"),
                ("lease", not 0 < self.lease <= _MOST_SECONDS, "must be more than 0 and at most 1e9"),
                ("store_timeout", not 0 < self.store_timeout <= _MOST_SECONDS, "must be more than 0 and at most 1e9"),
                ("idle_expiry", not 0 <= self.idle_expiry <= _MOST_SECONDS, "must be 0 to 1e9"),
                ("turn_budget", not 0 < self.turn_budget <= _MOST_SECONDS, "must be more than 0 and at most 1e9"),
                ("waiting_turns", self.waiting_turns < 1, "must be at least 1"),
                ("drain_delay", not 0 <= self.drain_delay <= _MOST_SECONDS, "must be 0 to 1e9"),
                ("grace", not 0 <= self.grace <= _MOST_SECONDS, "must be 0 to 1e9"),
                ("log_level", self.log_level not in _LOG_LEVELS, f"one of {', '.join(_LOG_LEVELS)}"),
            )
            if wrong
        ]
        if problems:
            raise InvalidSettings("\n".join(problems))

    @property
    def definitions(self) -> Sequence[Path]:
        """The files of the assistants; the booking example when none is named."""
        return self.assistant or (booking_example(),)

    @property
    def store_options(self) -> StoreOptions:
        """How the store is to work."""
        return StoreOptions(
            shared=self.workers > 1,
            lease=timedelta(seconds=self.lease),
            timeout=timedelta(seconds=self.store_timeout),
        )

    @property
    def least_durability(self) -> Durability | None:
        """What a committed turn must outlive; None: whatever the store offers."""
        return Durability(self.durability) if self.durability else None

    @property
    def idle_time(self) -> timedelta | None:
        """How long a session outlives its last turn; None: for ever."""
        return timedelta(seconds=self.idle_expiry) if self.idle_expiry else None


def booking_example() -> Path:
    """The example that is served when no assistant is named: beside the package, or in the repository."""
    package = Path(__file__).parent
    packaged = package / "examples" / "booking.yaml"
    return packaged if packaged.exists() else package.parents[1] / "examples" / "booking.yaml"


def settings_table() -> str:
    """The settings as a table in Markdown, for the README."""
    rows = ["| option | environment | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in fields(Settings):
        option = setting.name.replace("_", "-")
        default = f"`{setting.default}`" if setting.default not in ((), "") else ""
        rows.append(f"| `--{option}` | `PARLEY_{setting.name.upper()}` | {default} | {setting.metadata['meaning']} |")
    return "\n".join(rows)


def _is_address(text: str) -> bool:
    # gRPC itself takes a port that is too large for one that is not.
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and int(port) <= 65535


def _durabilities() -> list[str]:
    return [durability.value for durability in Durability]
