"""The bare wire: a grpc.aio server that answers each `Chat` with a message of a turn's size, and nothing else.

`python -m benchmarks.bare_server PORT [PIECES GAP]` sends so many small messages before it, so many seconds apart.
"""

import asyncio
import sys
from typing import Any

import grpc

from parley.v1 import conversation_pb2 as wire
from parley.v1.session_pb2 import Session, StateChanged

SESSION = Session(session_id="s", assistant="echo", assistant_version="0123456789ab", state="f/s", turn_count=1)
RESPONSE = wire.ChatResponse(
    events=[
        wire.ChatEvent(turn_started=wire.TurnStarted(session_id="s", turn=1, created=True)),
        wire.ChatEvent(state_changed=StateChanged(to_state="f/s")),
        wire.ChatEvent(text_delta=wire.TextDelta(text="Hello there. Hello there.")),
        wire.ChatEvent(turn_completed=wire.TurnCompleted(reply="Hello there. Hello there.", session=SESSION)),
    ]
)
PIECE = wire.ChatResponse(events=[wire.ChatEvent(text_delta=wire.TextDelta(text="word "))])


async def main(port: str, pieces: str = "0", gap: str = "0") -> None:
    """Serves until it is ended."""

    async def chat(_: wire.ChatRequest, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        for _piece in range(int(pieces)):
            await asyncio.sleep(float(gap))
            await context.write(PIECE)
        await context.write(RESPONSE)

    server = grpc.aio.server()
    handler = grpc.unary_stream_rpc_method_handler(
        chat,
        request_deserializer=wire.ChatRequest.FromString,
        response_serializer=wire.ChatResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("parley.v1.ConversationService", {"Chat": handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
