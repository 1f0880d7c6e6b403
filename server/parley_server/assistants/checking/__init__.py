"""Checking: what is wrong with a definition beyond what its loading refuses."""
