"""The parley server: a gRPC conversation-state server."""
