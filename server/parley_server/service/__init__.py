"""The use cases: chat, get, end. No gRPC, no SQL."""
