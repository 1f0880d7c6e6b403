"""The optional parts of the distribution, and how to get one that is missing.

This module must not import more than the standard library: it speaks where packages are missing.
"""


def how_to_install(extra: str) -> str:
    """What to do where the packages of an extra are missing, in a sentence without its full stop."""
    return f"install parley with its extra `{extra}`: pip install '.[{extra}]' in its source"
