"""Whatever an author's code does: the caller is told that the assistant failed, nothing is saved, all else goes on."""

from pathlib import Path

import grpc
import pytest
from support.misbehaviour import MISDEEDS, WRONG
from support.servers import definition, serving

import parley


@pytest.mark.parametrize("function", ["misbehave", "misbehave_in_the_loop"])
async def test_code_that_misbehaves_fails_its_turn_alone(tmp_path: Path, function: str) -> None:
    text = WRONG.replace("misbehaviour:misbehave", f"misbehaviour:{function}")
    async with serving(assistant=(definition(tmp_path, text),)) as (server, client):
        for misdeed in MISDEEDS:
            with pytest.raises(parley.ParleyError) as caught:
                await client.say(misdeed, session_id="s")
            told = (caught.value.status, caught.value.reason, caught.value.applied)
            assert told == (grpc.StatusCode.FAILED_PRECONDITION, parley.Reason.ASSISTANT_FAILED, "no"), misdeed
            assert "secret" not in str(caught.value)

        reply = await client.say("be good", session_id="s")
        assert (reply.reply, reply.session.turn_count) == ("All is well. Hi.", 1)
        assert len(server.turns) == 0
