"""gRPC: the only part of the server that speaks it."""
