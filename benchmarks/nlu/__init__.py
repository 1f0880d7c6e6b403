"""How well, and how fast, understanding reads public test data."""
