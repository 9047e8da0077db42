"""What the turns of one domain use: opened once, its patterns again when another release goes live."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent.search import index_knowledge, open_opensearch, with_search
from agent.settings import Settings
from domains.documents import read_passages
from domains.loader import find_domain, load_domain, load_passages, load_tools
from domains.model import Domain
from graph.retries import ModelDown
from graph.state import SecondOpinion, Services, Skills
from learning.demotion import changed_at, load_decisions
from learning.models import VersionBroken, VersionUnknown, live_version, model_name, version_folder
from learning.served import WithoutDemoted
from learning.trained_classifier import fits, open_head
from memory.arrays import PatternIndexBroken, open_pattern_index
from memory.breaker import Breaker
from memory.cached import CachedKnowledgeIndex
from memory.errors import EmbedderMismatch, StorageFailed
from memory.hybrid import KnowledgeMissing, build_index, open_index
from memory.onnx import embedder_identity
from memory.opensearch import OpenSearch, SearchRefused
from memory.opensearch_patterns import open_opensearch_patterns
from memory.ports import KnowledgeIndex, PatternIndex, Store
from memory.records import Case, Release
from memory.redact import redact
from memory.valkey import ValkeyCache
from nodes.classify import LocalClassifier, fit_classifier
from nodes.local_judge import LocalJudge
from nodes.local_writer import LocalWriter
from nodes.model_skills import ModelClassifier, ModelJudge, ModelWriter
from tools.catalog import Tool

LOG = logging.getLogger(__name__)

SOLVED_FROM = 0.5
"""Success rate from which a flow counts as a solved case."""

OnProgress = Callable[[str, int, int, str], None]
"""Called with stage, done, total and a note."""


class ServiceShelf:
    """Makes and keeps the services of each domain and tenant."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        embedder: Embeddings,
        model: BaseChatModel | None,
        fallbacks: Mapping[str, BaseChatModel],
        tools: dict[str, Tool],
        on_progress: OnProgress | None,
        cache: ValkeyCache | None = None,
        search: OpenSearch | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._embedder = embedder
        self._model = model
        self._fallbacks = fallbacks
        self._tools = tools
        self._on_progress = on_progress
        self._cache = cache
        self._search = search
        self._second_opinion = _second_opinion(settings)
        self._made: dict[tuple[str, str], Services] = {}
        self._decided: dict[tuple[str, str], int] = {}
        """When it was last decided which patterns are out of service."""

        self._domains: dict[str, Services] = {}
        self._making = asyncio.Lock()

    async def services(self, domain: str, tenant: str) -> Services:
        """Return what turns of `domain` use, with the patterns that are live now.

        Raises:
            DomainUnknown: there is no such domain.
        """
        live = await self._live(domain, tenant)
        release_id = live.release_id if live and self._settings.guidance_enabled else None
        decided = changed_at(self._settings.state_dir, tenant=tenant, domain=domain)
        made = self._made.get((domain, tenant))
        if made is None or made.release != release_id or self._decided.get((domain, tenant)) != decided:
            async with self._making:
                made = await self._make(domain, tenant, live if release_id else None)
                self._made[domain, tenant] = made
                self._decided[domain, tenant] = decided
        return made

    async def _live(self, domain: str, tenant: str) -> Release | None:
        """Return the live release; while nobody can tell, answers go on without guidance."""
        try:
            return await self._store.registry(tenant).live(domain)
        except StorageFailed as failed:
            LOG.warning("Answering without guidance: %s (%s)", failed, failed.fix)
            return None

    async def patterns(self, domain: str, tenant: str) -> PatternIndex | None:
        """Return the live patterns, whether guidance is switched on or not."""
        live = await self._store.registry(tenant).live(domain)
        return await asyncio.to_thread(self._open_patterns, live) if live else None

    async def _make(self, domain: str, tenant: str, live: Release | None) -> Services:
        if domain not in self._domains:
            self._domains[domain] = await asyncio.to_thread(self._open_domain, domain)
        base = self._domains[domain]
        base = replace(base, profiles=self._store.profiles(tenant) if self._settings.memory_enabled else None)
        base = await asyncio.to_thread(self._with_trained, base, tenant)
        if self._cache is not None:
            cached = CachedKnowledgeIndex(base.knowledge, self._cache, tenant=tenant)
            base = replace(base, knowledge=cached)
        if live is None:
            return base
        try:
            decisions = load_decisions(self._settings.state_dir, tenant=tenant, domain=domain)
            opened = await asyncio.to_thread(self._open_patterns, live)
            patterns = WithoutDemoted(opened, decisions.demoted)
            cases = await _cases(patterns)
        except (PatternIndexBroken, StorageFailed) as broken:
            # answers go on without guidance, and learning, which mends it, needs these services too
            LOG.warning("%s (%s)", broken, broken.fix)
            return base
        return replace(base, patterns=patterns, release=live.release_id, cases=cases)

    def _open_patterns(self, live: Release) -> PatternIndex:
        folder = self._settings.state_dir / live.path
        if self._search is not None:
            return open_opensearch_patterns(self._search, live, self._embedder, folder)
        return open_pattern_index(folder)

    def _open_domain(self, name: str) -> Services:
        """Load a domain, fit its classifier, open its knowledge; slow the first time, then cached on disk."""
        domain = load_domain(find_domain(name, self._settings.domains_dir))
        cache = self._settings.state_dir / "cache"
        local = Skills(
            classifier=fit_classifier(domain, self._embedder, cache),
            writer=LocalWriter(),
            judge=LocalJudge(),
        )
        return Services(
            domain=domain,
            primary=model_skills(self._model, self._settings.model, domain) if self._model else local,
            local=local,
            fallbacks=tuple(model_skills(model, name, domain) for name, model in self._fallbacks.items())
            if self._model
            else (),
            knowledge=self._open_knowledge(domain),
            patterns=None,
            release=None,
            profiles=None,
            tools=load_tools(domain) | self._tools,
            cases={},
            redact=redact,
            holdout_share=self._settings.holdout_share,
            second_opinion=self._second_opinion,
        )

    def _with_trained(self, base: Services, tenant: str) -> Services:
        """Let the classifier that was trained on the tenant's sessions take over, where one is in use.

        One that is broken, or trained before the domain changed, is passed over: the domain's own goes on.
        """
        root = self._settings.state_dir / "models"
        name = model_name("intent-classifier", base.domain.name, tenant)
        try:
            version = live_version(root, name)
            if version is None:
                return base
            head = open_head(version_folder(root, version), self._embedder)
        except (VersionBroken, VersionUnknown, EmbedderMismatch) as problem:
            LOG.warning("%s (%s)", problem, problem.fix)
            return base
        if not fits(head, base.domain):
            LOG.warning("Model `%s` is older than its domain and is not used; train it again.", name)
            return base
        identity = f"local:{embedder_identity(self._embedder)}:{version.version_id}-{version.data_hash[:8]}"
        local = replace(base.local, classifier=LocalClassifier(head, self._embedder, identity))
        is_local = base.primary is base.local
        return replace(base, local=local, primary=local if is_local else base.primary)

    def _open_knowledge(self, domain: Domain) -> KnowledgeIndex:
        folder = knowledge_folder(self._settings, domain.name)
        try:
            local = open_index(folder, self._embedder)
        except KnowledgeMissing:
            _build_local(self._settings, domain, self._embedder, self._on_progress)
            local = open_index(folder, self._embedder)
        if self._search is not None:
            try:
                index_knowledge(self._settings, self._search, domain.name, local, self._embedder)
            except (StorageFailed, SearchRefused) as problem:
                LOG.warning("%s (%s)", problem, problem.fix)
        return with_search(self._settings, self._search, domain.name, local, self._embedder)


def knowledge_folder(settings: Settings, domain: str) -> Path:
    """Return where the knowledge index of a domain lies."""
    return settings.state_dir / "knowledge" / domain


def added_folder(settings: Settings, domain: str) -> Path:
    """Return where documents lie that were added with `slipstream knowledge add`."""
    return settings.state_dir / "documents" / domain


def build_knowledge(
    settings: Settings, domain: Domain, embedder: Embeddings, on_progress: OnProgress | None
) -> int:
    """Index what the domain brings and what was added; returns how many passages there are.

    Raises:
        ServiceUnavailable: OpenSearch is to hold them too, and does not answer.
    """
    count = _build_local(settings, domain, embedder, on_progress)
    if (client := open_opensearch(settings)) is not None:
        with closing(client):
            local = open_index(knowledge_folder(settings, domain.name), embedder)
            index_knowledge(settings, client, domain.name, local, embedder)
    return count


def _build_local(
    settings: Settings, domain: Domain, embedder: Embeddings, on_progress: OnProgress | None
) -> int:
    def tell(done: int, total: int) -> None:
        if on_progress:
            on_progress("knowledge", done, total, f"passages of {domain.name}")

    passages = list(load_passages(domain))
    added = added_folder(settings, domain.name)
    if added.is_dir():
        passages.extend(read_passages(added))
    return build_index(knowledge_folder(settings, domain.name), passages, embedder, on_progress=tell)


def model_skills(model: BaseChatModel, name: str, domain: Domain) -> Skills:
    """Return the three skills by a chat model, which is left alone for a while when it keeps failing."""
    limits = domain.limits
    longest_s = max([limits.node_s, *limits.nodes.values()])
    return Skills(
        classifier=ModelClassifier(model, name, domain),
        writer=ModelWriter(model, name),
        judge=ModelJudge(model, name),
        name=f"model {name}",
        breaker=Breaker(f"Model `{name}`", budget_s=longest_s, failures=(ModelDown,)),
    )


def _second_opinion(settings: Settings) -> SecondOpinion | None:
    """Return who is asked about messages in the grey band of the injection detector."""
    if settings.guardrail_id is None:
        return None
    from memory.bedrock_guardrail import open_guardrail

    return open_guardrail(settings.guardrail_id, settings.guardrail_version)


async def _cases(patterns: PatternIndex) -> dict[str, list[Case]]:
    """Sort the flows that usually end well by the labels in them, most frequent first."""
    cases: dict[str, list[Case]] = {}
    for pattern in await patterns.patterns():
        if pattern.pattern_type == "flow" and (pattern.success_rate or 0) >= SOLVED_FROM:
            labels = [step.label for step in pattern.sequence]
            case = Case(steps=labels, sessions=pattern.frequency, pattern_id=pattern.pattern_id)
            for label in dict.fromkeys(labels):
                cases.setdefault(label, []).append(case)
    return cases
