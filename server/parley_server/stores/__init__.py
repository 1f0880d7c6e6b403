"""Where sessions are kept: the protocol, one module a store, the registry."""
