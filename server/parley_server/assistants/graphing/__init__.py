"""Graphing: pictures of the flows of an assistant."""
