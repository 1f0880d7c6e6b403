"""Dates: their calendar, their words, their grammar, and the reader that puts them together."""
