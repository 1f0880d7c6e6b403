"""The parley client."""
