"""The command line: `parley serve`, `parley chat`, `parley session …`."""

import sys

from parley_server.extras import how_to_install


def main() -> None:
    """Runs the command that the arguments name."""
    try:
        # A command imports more when it runs, so the running is inside too.
        from parley_server.cli.commands import parley  # absent where only the client is installed

        parley(prog_name="parley")
    except ModuleNotFoundError as error:
        sys.exit(f"parley: the commands need more packages ({error.name}): {how_to_install('server')}")
