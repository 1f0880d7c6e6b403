"""Language models: how they are asked, within which bounds, and with what words.

This package must not know conversations' flows, nor what is done with what a model says.
"""
