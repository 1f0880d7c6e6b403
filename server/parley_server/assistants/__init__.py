"""Assistants: definitions are read, checked and compiled here."""
