"""Consultations: what one turn asks of the model, within what is left of its time and of its session's allowance."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from parley_server.core.context import Usage
from parley_server.errors import ModelFault, ModelUnavailable
from parley_server.models.calls import ModelCalls
from parley_server.models.prompts import tokens_in, tokens_of
from parley_server.models.protocol import Finish, ModelRequest, Piece, Purpose
from parley_server.models.spending import Spending

_RESERVE = 0.25
"""Seconds of a turn that are left to the rules and the commit."""
_SHARE = 0.5
"""The share of what is left that a call may take which is not the turn's last one."""
_READ = frozenset({ModelFault.EMPTY, ModelFault.REFUSED})
"""Faults of a model that has read what it was asked: that costs, and who asks for nothing may not do so for nothing."""


class Consultation:
    """What one turn asks of the model, and what that took."""

    def __init__(
        self,
        calls: ModelCalls | None = None,
        spending: Spending | None = None,
        *,
        tenant: str = "",
        used: Usage | None = None,
        deadline: float = 0.0,
    ) -> None:
        """Takes what makes the calls (None: there is no model), and what bounds them.

        Args:
            calls: What makes the calls.
            spending: What counts them.
            tenant: Who pays.
            used: What the session has used before.
            deadline: When the turn's time is over, in seconds of the loop's clock.
        """
        self._calls = calls
        self._spending = spending
        self._tenant = tenant
        self._before = used or Usage()
        self._deadline = deadline
        self._answers: dict[Purpose, str | ModelUnavailable] = {}
        self.usage = Usage()
        """What the turn has used so far."""
        self.degraded = False
        """Whether the model was wanted and gave no answer."""

    async def ask(self, request: ModelRequest) -> str:
        """A whole answer. Asked again for the same purpose, the turn gets the same one, or the same failure.

        Raises:
            ModelUnavailable: There is none.
        """
        if request.purpose not in self._answers:
            try:
                self._answers[request.purpose] = await self._asked(request)
            except ModelUnavailable as error:
                self._answers[request.purpose] = error
        answer = self._answers[request.purpose]
        if isinstance(answer, ModelUnavailable):
            raise answer
        return answer

    async def _asked(self, request: ModelRequest) -> str:
        left = self._deadline - asyncio.get_running_loop().time() - _RESERVE
        try:
            completion = await self._admitted().complete(request, until=self._deadline - _RESERVE - left * _SHARE)
        except ModelUnavailable as error:
            if error.fault in _READ:
                self._count(_estimate(request, 0))
            raise
        self._count(completion.finish.usage or _estimate(request, len(completion.text.encode())))
        return completion.text

    async def write(self, request: ModelRequest) -> AsyncGenerator[Piece, None]:
        """The pieces of an answer as they come; close it when it is left.

        Raises:
            ModelUnavailable: There is none, or it broke off.
        """
        written, usage, read = 0, None, False
        try:
            async with aclosing(self._admitted().stream(request, until=self._deadline - _RESERVE)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finish):
                        usage = piece.usage
                    else:
                        written += len(piece.encode())
                    yield piece
        except ModelUnavailable as error:
            read = error.fault in _READ
            raise
        finally:
            # What was written costs, also where it broke off or was given up.
            if usage or written or read:
                self._count(usage or _estimate(request, written))

    def _admitted(self) -> ModelCalls:
        if self._calls is None:
            raise ModelUnavailable(ModelFault.ABSENT, retry_after=None)
        if self._spending:
            self._spending.check(self._tenant, self._before + self.usage)
        return self._calls

    def _count(self, usage: Usage) -> None:
        self.usage += usage
        if self._spending:
            self._spending.add(self._tenant, usage)


def _estimate(request: ModelRequest, written: int) -> Usage:
    """About what a call took whose server did not count, after so many bytes were written."""
    return Usage(sum(tokens_of(message.text) for message in request.messages), tokens_in(written))
