"""Rehearsal: scripted conversations with an assistant, held against what their author expects."""
