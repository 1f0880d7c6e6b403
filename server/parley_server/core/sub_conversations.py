"""Sub-conversations: dialogues beside the flow, which hand back to what they interrupted."""

from parley_server.core.flow import DialogFlow


class SubConversation(DialogFlow):
    """A flow that runs beside another one: to answer a question to the side, to settle something first.

    It takes only what its own form asks for; a message that it has no use for goes on to what it interrupted, and if
    that takes it, the sub-conversation is over. Whether it is active is a fact of the context alone.
    """
