"""Logging: where it goes and what is kept out of it. What users say is never logged."""

import logging


def configure_logging(level: str) -> None:
    """Sends the log to standard error, from this level on."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"
    )
    # These speak of their own business below WARNING.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    grpc_log = logging.getLogger("grpc._cython.cygrpc")
    grpc_log.setLevel(logging.WARNING)
    grpc_log.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    # grpc logs an error with a traceback each time that a caller goes away during a write.
    return "ExecuteBatchError" not in record.getMessage()
