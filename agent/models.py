"""Chat models and embeddings by name; LangChain's own classes, never wrapped."""

from collections.abc import Callable
from functools import partial

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent.settings import Settings
from memory.errors import AgentError
from memory.onnx import open_embedder

BEDROCK = "bedrock:"


class ModelUnknown(AgentError):
    """A chat model was named that cannot be made here."""

    code = "agent.model_unknown"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"There is no chat model `{name[:120]}`: {reason}.",
            fix="Use `local`, `bedrock:<model id>`, or `<provider>:<model>` with the provider's "
            "`langchain-<provider>` package installed.",
        )


def make_chat_model(settings: Settings) -> BaseChatModel | None:
    """Return the chat model that the settings name; `None` for `local`.

    Raises:
        ModelUnknown: the provider is unknown, or its package is not installed.
    """
    name = settings.model
    make: Callable[[], BaseChatModel]
    if name == "local":
        return None
    if name.startswith(BEDROCK):
        from langchain_aws import ChatBedrockConverse

        make = partial(ChatBedrockConverse, model_id=name.removeprefix(BEDROCK))
    else:
        from langchain.chat_models import init_chat_model

        key = settings.model_api_key
        make = partial(init_chat_model, name, **({"api_key": key.get_secret_value()} if key else {}))
    try:
        return make()
    except (ImportError, ValueError) as error:
        raise ModelUnknown(name, str(error).splitlines()[0][:160]) from None


def make_embeddings(settings: Settings) -> Embeddings:
    """Return the embedder that the settings name: the one that comes along, a folder, or Bedrock."""
    name = settings.embedder
    if name.startswith(BEDROCK):
        from langchain_aws import BedrockEmbeddings

        return BedrockEmbeddings(model_id=name.removeprefix(BEDROCK))
    return open_embedder(name)
