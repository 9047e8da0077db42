"""Opens what searches over the network, as the settings say."""

from langchain_core.embeddings import Embeddings

from agent.settings import Settings
from memory.fallback_knowledge import KnowledgeWithFallback
from memory.hybrid import HybridKnowledgeIndex
from memory.opensearch import OpenSearch, Sign
from memory.opensearch_knowledge import OpenSearchKnowledgeIndex, publish_knowledge
from memory.ports import KnowledgeIndex


def open_opensearch(settings: Settings) -> OpenSearch | None:
    """Return the client of the cluster that the settings name, to be closed; `None` when they name none."""
    if settings.opensearch_url is None:
        return None
    return OpenSearch(settings.opensearch_url, service=settings.opensearch_service, sign=_signer(settings))


def _signer(settings: Settings) -> Sign | None:
    if settings.opensearch_service is None:
        return None
    import boto3

    from memory.sigv4 import CredentialsMissing, signer

    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None or session.region_name is None:
        raise CredentialsMissing(settings.opensearch_service)
    return signer(credentials, region=session.region_name, service=settings.opensearch_service)


def with_search(
    settings: Settings,
    client: OpenSearch | None,
    domain: str,
    local: HybridKnowledgeIndex,
    embedder: Embeddings,
) -> KnowledgeIndex:
    """Return the knowledge that the settings name; what lies in the state folder answers while it cannot."""
    if settings.knowledge_base_id is not None:
        from memory.bedrock_knowledge import open_knowledge_base

        return KnowledgeWithFallback(open_knowledge_base(settings.knowledge_base_id), local)
    if client is None:
        return local
    words_only = local.lexical_share == 1
    remote = OpenSearchKnowledgeIndex(client, domain, embedder, words_only=words_only)
    return KnowledgeWithFallback(remote, local)


def index_knowledge(
    settings: Settings, client: OpenSearch, domain: str, local: HybridKnowledgeIndex, embedder: Embeddings
) -> None:
    """Put what lies in the state folder into OpenSearch, unless the same is there.

    Raises:
        ServiceUnavailable: it does not answer; what is there goes on.
    """
    passages, vectors = local.contents()
    publish_knowledge(client, domain, passages, vectors, embedder, engine=settings.opensearch_engine)
