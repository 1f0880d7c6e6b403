"""Sub-conversations: nested dialogues that run on the context's stack and hand back to what they interrupted."""

from dataclasses import dataclass

from parley_server.core.conditions import Scope
from parley_server.core.context import ConversationContext
from parley_server.core.explanation import Explanation
from parley_server.core.flow import DialogFlow, Transition


@dataclass(frozen=True, slots=True)
class SubConversation:
    """A dialogue beside the main flow. Whether it is active is a fact of the context alone."""

    flow: DialogFlow

    @property
    def name(self) -> str:
        """The name of its flow."""
        return self.flow.name

    def active(self, context: ConversationContext) -> bool:
        """Whether it is on the context's stack."""
        return any(frame.flow == self.name for frame in context.stack)

    def start(self, context: ConversationContext) -> ConversationContext:
        """Puts it on top of the stack; what was on top waits below."""
        return self.flow.start(context)

    def process(self, scope: Scope, explanation: Explanation) -> Transition | None:
        """The transition that the message takes; the sub-conversation must be on top."""
        return self.flow.process(scope, explanation)

    def end(self, context: ConversationContext) -> ConversationContext:
        """Takes it from the stack, with everything above it; what it interrupted is on top again."""
        while self.active(context):
            context = context.pop()
        return context
