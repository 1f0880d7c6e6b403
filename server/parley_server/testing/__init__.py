"""What is exported for tests of other people's parts: the store contract, and fakes."""
