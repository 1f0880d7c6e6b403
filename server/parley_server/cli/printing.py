"""Sessions and turns in the terminal.

Users' words pass through here, and a terminal obeys control characters: none gets through.
"""

import click

import parley


def printable(text: str) -> str:
    """The text with everything that a terminal would obey, except ends of lines, made visible."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def print_session(session: parley.Session) -> None:
    """Prints a session, a line a fact."""
    click.secho(session.session_id, bold=True)
    turns = "1 turn" if session.turn_count == 1 else f"{session.turn_count} turns"
    click.echo(f"  {session.phase.name.lower()} at {session.state}, {turns}")
    for name, value in sorted(session.slots.items()):
        click.echo(printable(f"  {name} = {value}"))
    if session.missing_slots:
        click.echo(f"  missing: {', '.join(session.missing_slots)}")


def print_turn(turn: parley.Turn) -> None:
    """Prints a turn as a dialogue."""
    click.secho(printable(f"{turn.turn:>4} > {turn.user_message}"), fg="cyan")
    click.echo(printable(f"       {turn.reply}"))


def print_standing(session: parley.Session) -> None:
    """Prints where a conversation stands, in one dim line."""
    facts = [f"{name}={value}" for name, value in sorted(session.slots.items())]
    missing = [f"missing {', '.join(session.missing_slots)}"] if session.missing_slots else []
    click.secho(printable("  [" + " · ".join([session.state, *facts, *missing]) + "]"), dim=True)


def print_explanation(turn: parley.TurnCompleted) -> None:
    """Prints what a dry run considered, in order, what was taken marked, and what it comes to."""
    for step in turn.explanation:
        mark = "→" if step.taken else " "
        click.secho(printable(f"{mark} {step.kind:16} {step.name}: {step.reason}"), bold=step.taken)
    click.echo(printable(turn.reply))
    print_standing(turn.session)
