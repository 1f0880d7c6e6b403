"""The tests of the store contract, by what they are about."""
