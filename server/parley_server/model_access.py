"""The model that a server is configured with, opened: or said once at start why there is none."""

import asyncio
import logging
from datetime import timedelta

from parley_server.core.generation import Nlu
from parley_server.errors import InvalidSettings
from parley_server.extras import how_to_install
from parley_server.models.access import ModelAccess
from parley_server.models.calls import ModelCalls, ModelLimits
from parley_server.models.secret import Secret, find_key
from parley_server.models.spending import Allowance, Spending
from parley_server.settings import Settings

logger = logging.getLogger(__name__)

_NO_KEY = "none"
"""What a server is sent that asks for no key."""
_WITHOUT = (
    "messages are understood by the rules alone, and where the model is to write (`generate`) its `otherwise` is said, "
    "without which the turn fails"
)


def open_model(settings: Settings) -> ModelAccess | None:
    """Opens the way to the model; None: there is none, and the rules understand alone.

    Raises:
        InvalidSettings: The key's file or the certificates can not be read, or the extra `openai` is missing.
    """
    key = find_key(settings.api_key_file)
    if not settings.model or not (key or settings.base_url):
        missing = "no key and no --base-url" if settings.model else "no --model"
        wanted = bool(settings.model) or settings.nlu in (Nlu.OPENAI, Nlu.CASCADE)
        level = logging.WARNING if wanted else logging.INFO
        logger.log(level, "%s: %s", missing, _WITHOUT)
        return None
    try:
        # It takes a second to import, which a server without a model does not pay.
        from parley_server.models.openai import OpenAIProvider  # noqa: PLC0415
    except ImportError as error:
        raise InvalidSettings(f"--model needs more packages: {how_to_install('openai')}") from error
    try:
        provider = OpenAIProvider(
            model=settings.model,
            key=key or Secret(_NO_KEY),
            base_url=settings.base_url,
            strict=not settings.model_json,
        )
    except OSError as error:
        raise InvalidSettings(f"--model: the certificates that SSL_CERT_FILE names can not be read: {error}") from error
    limits = ModelLimits(
        first_token=timedelta(seconds=settings.first_token),
        next_token=timedelta(seconds=settings.next_token),
        in_flight=settings.model_calls,
        waiting=settings.model_calls,
    )
    allowance = Allowance(
        session_tokens=settings.session_tokens,
        tenant_tokens=settings.tenant_tokens,
        session_cost=settings.session_cost,
        tenant_cost=settings.tenant_cost,
        input_price=settings.input_price,
        output_price=settings.output_price,
    )
    logger.info("the model %s understands and writes, at %s", settings.model, settings.base_url or "OpenAI")
    return ModelAccess(ModelCalls(provider, limits), Spending(allowance, asyncio.get_running_loop().time))
