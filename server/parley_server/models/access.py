"""Access: the way to the model that a server has, shared by all its turns."""

from parley_server.core.context import Usage
from parley_server.models.calls import ModelCalls
from parley_server.models.consultation import Consultation
from parley_server.models.spending import Spending


class ModelAccess:
    """Opens a consultation for each turn."""

    def __init__(self, calls: ModelCalls, spending: Spending) -> None:
        """Takes what makes the calls, and what counts what they use."""
        self._calls = calls
        self._spending = spending

    def consultation(self, *, tenant: str, used: Usage, deadline: float) -> Consultation:
        """What one turn may ask; see `Consultation`."""
        return Consultation(self._calls, self._spending, tenant=tenant, used=used, deadline=deadline)

    async def close(self) -> None:
        """Closes the connections to the model's server."""
        await self._calls.close()
