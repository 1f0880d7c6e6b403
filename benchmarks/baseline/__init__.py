"""What parley is compared with: the service that everybody writes first, a web endpoint over a document a session.

`service` is that service, `comparison` measures both, on a model that answers at once.
"""

from benchmarks.baseline.comparison import measure

__all__ = ["measure"]
