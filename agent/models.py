"""Chat models and embeddings by name; LangChain's own classes, never wrapped."""

from collections.abc import Callable
from functools import partial
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent.settings import Settings
from memory.errors import AgentError
from memory.onnx import open_embedder

BEDROCK = "bedrock:"

CONNECT_S = 3.0
"""Longest wait for a connection (seconds)."""

CONNECTIONS = 50
"""Connections kept to Bedrock, so that turns at once do not open a new one each."""


class ModelUnknown(AgentError):
    """A chat model was named that cannot be made here."""

    code = "agent.model_unknown"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"There is no chat model `{name[:120]}`: {reason}.",
            fix="Use `local`, `bedrock:<model id>`, or `<provider>:<model>` with the provider's "
            "`langchain-<provider>` package installed.",
        )


def make_chat_model(name: str, settings: Settings) -> BaseChatModel | None:
    """Return the chat model of that name; `None` for `local`.

    Raises:
        ModelUnknown: the provider is unknown, or its package is not installed.
    """
    make: Callable[[], BaseChatModel]
    if name == "local":
        return None
    if name.startswith(BEDROCK):
        from langchain_aws import ChatBedrockConverse

        # nothing leaves before the last guard, so an answer in one piece is as fast, and is whole or an error
        make = partial(
            ChatBedrockConverse,
            model_id=name.removeprefix(BEDROCK),
            config=_client_config(settings, attempts=1),
            disable_streaming=True,
        )
    else:
        from langchain.chat_models import init_chat_model

        key = settings.model_api_key
        make = partial(init_chat_model, name, **({"api_key": key.get_secret_value()} if key else {}))
    try:
        return make()
    except (ImportError, ValueError) as error:
        raise ModelUnknown(name, str(error).splitlines()[0][:160]) from None


def make_fallbacks(settings: Settings) -> dict[str, BaseChatModel]:
    """Return the chat models to ask when the first one fails, by name, in order.

    Raises:
        ModelUnknown: one of them cannot be made here.
    """
    made = {name: make_chat_model(name, settings) for name in settings.model_fallbacks}
    return {name: model for name, model in made.items() if model is not None and name != settings.model}


def make_embeddings(settings: Settings) -> Embeddings:
    """Return the embedder that the settings name: the one that comes along, a folder, or Bedrock."""
    name = settings.embedder
    if name.startswith(BEDROCK):
        from langchain_aws import BedrockEmbeddings

        # indexes compare by inner product, so vectors have unit length; Cohere's come without
        return BedrockEmbeddings(
            model_id=name.removeprefix(BEDROCK), config=_client_config(settings, attempts=2), normalize=True
        )
    return open_embedder(name)


def _client_config(settings: Settings, *, attempts: int) -> Any:
    """Return botocore's settings: a turn retries by itself, within its deadline, and tells of it."""
    from botocore.config import Config

    return Config(
        connect_timeout=min(CONNECT_S, settings.model_timeout_s),
        read_timeout=settings.model_timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=CONNECTIONS,
    )
