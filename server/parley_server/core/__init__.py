"""The pure core: what a conversation is and how a turn is decided. No I/O, no clock, no randomness."""
