"""The settings of a server: one place for their defaults, their meaning and what they may be.

The command line, the environment and the README's table are made from the fields of `Settings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from parley_server.core.generation import Nlu
from parley_server.errors import InvalidSettings
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability

_LOG_LEVELS = ("debug", "info", "warning", "error")
_MOST = 1e9
"""Of seconds, and of tokens and money."""
_TIMES = ("lease", "store_timeout", "turn_budget", "first_token", "next_token", "heartbeat")
_AMOUNTS = (
    *("idle_expiry", "drain_delay", "grace"),
    *("session_tokens", "tenant_tokens", "input_price", "output_price", "session_cost", "tenant_cost"),
)


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
    nlu: str = _setting(
        "",
        "Who understands messages, where an assistant does not say: rules, openai (the model) or cascade (the model "
        "where the rules leave something open); without it cascade where there is a model.",
    )
    model: str = _setting(
        "", "The language model's name; with a key, or a base URL, it understands and writes. Needs the extra `openai`."
    )
    base_url: str = _setting("", "Where the model is served, by the OpenAI protocol; without it at OpenAI.")
    api_key_file: str = _setting(
        "", "A file with the key of the model's server; without it `PARLEY_API_KEY` or `OPENAI_API_KEY` has it."
    )
    model_json: bool = _setting(False, "Ask the model for JSON of any shape, where its server knows no JSON Schema.")
    model_calls: int = _setting(1000, "How many calls of the model may run at once; as many again may wait.")
    first_token: float = _setting(20.0, "Seconds that the model may be silent before it begins.")
    next_token: float = _setting(10.0, "Seconds that the model may be silent while it writes.")
    session_tokens: int = _setting(0, "Tokens that a session may use of the model; 0: any number.")
    tenant_tokens: int = _setting(0, "Tokens that all its sessions may use in an hour, in each process; 0: any number.")
    input_price: float = _setting(0.0, "What a million tokens cost that the model is sent.")
    output_price: float = _setting(0.0, "What a million tokens cost that the model writes.")
    session_cost: float = _setting(0.0, "What the model may cost for a session; 0: anything.")
    tenant_cost: float = _setting(0.0, "What it may cost in an hour, in each process; 0: anything.")
    heartbeat: float = _setting(10.0, "Seconds after which a caller who hears nothing is sent a heartbeat.")
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
                ("nlu", self.nlu not in ("", *Nlu), f"one of {', '.join(Nlu)}"),
                (
                    "base_url",
                    not _is_url(self.base_url),
                    "write http://HOST… or https://HOST…, without password, query and blanks",
                ),
                ("model_calls", self.model_calls < 1, "must be at least 1"),
                ("waiting_turns", self.waiting_turns < 1, "must be at least 1"),
                *((n, not 0 < getattr(self, n) <= _MOST, "must be more than 0 and at most 1e9") for n in _TIMES),
                *((n, not 0 <= getattr(self, n) <= _MOST, "must be 0 to 1e9") for n in _AMOUNTS),
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
            durability=Durability(self.durability) if self.durability else None,
        )

    @property
    def preferred_nlu(self) -> Nlu:
        """Who understands messages, where there is a model and an assistant does not say."""
        return Nlu(self.nlu) if self.nlu else Nlu.CASCADE

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
        default = f"`{setting.default}`" if setting.default not in ((), "") and setting.default is not False else ""
        rows.append(f"| `--{option}` | `PARLEY_{setting.name.upper()}` | {default} | {setting.metadata['meaning']} |")
    return "\n".join(rows)


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        # A password or a query is of no use there, and would be logged; a blank would be asked for as `%20`.
        bare = "@" not in url.netloc and not url.query and not url.fragment and text.split() == [text]
        return not text or (url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and bare)
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    # gRPC itself takes a port that is too large for one that is not.
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and int(port) <= 65535


def _durabilities() -> list[str]:
    return [durability.value for durability in Durability]
