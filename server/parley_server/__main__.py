"""`python -m parley_server` is the command `parley`."""

from parley_server.cli import main

main()
