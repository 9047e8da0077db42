"""Settings: one class. Arguments win over the environment, that over `slipstream.toml`, over defaults."""

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from memory.errors import AgentError

PREFIX = "SLIPSTREAM_"
FILE = "slipstream.toml"
"""Looked for in the working directory only, so that what applies is plain to see."""

Text = Annotated[str, Field(min_length=1, max_length=512)]
LogLevel = Literal["debug", "info", "warning", "error"]


class SettingsInvalid(AgentError):
    """A setting is misspelt, or its value cannot be used."""

    code = "agent.settings_invalid"

    def __init__(self, where: str, problem: str, *, fix: str) -> None:
        super().__init__(f"{where}: {problem}.", fix=fix)


SECRET = frozenset({"checkpoint_keys", "model_api_key", "redis_url"})
"""Settings whose values no message may quote."""


def _flag(name: str) -> Any:
    """Let a feature flag be switched by its bare name too; the prefixed name wins."""
    return AliasChoices(f"{PREFIX}{name}", name)


class Settings(BaseSettings):
    """Everything that can be set. `load_settings` reads and checks it; the order of sources is above."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_ignore_empty=True,
        toml_file=FILE,
        populate_by_name=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    state_dir: Path = Path(".slipstream")
    """Folder for all that is kept: sessions, events, lake, releases, indexes. Nothing goes elsewhere."""

    domain: Text = "solaris"
    """Domain that is used when a request or command names none."""

    domains_dir: Path | None = None
    """Folder with domains of one's own, one folder each, besides the built-in ones."""

    model: Text = "local"
    """Who classifies, writes and judges: `local` (no network), `bedrock:<model id>`, or a chat model
    string of LangChain such as `openai:gpt-5`."""

    model_fallbacks: Annotated[tuple[Text, ...], NoDecode] = ()
    """Chat models that are asked in this order when `model` is throttled, down or unusable, before the
    local skills; the environment takes them with commas in between. Unused while `model` is `local`."""

    model_timeout_s: float = Field(default=15, gt=0, le=900)
    """Longest wait for an answer of Bedrock (seconds); no more than a node may take."""

    embedder: Text = "minilm"
    """Who turns text into vectors: `minilm` (comes along), a folder with `model.onnx` and
    `tokenizer.json`, or `bedrock:<model id>`. An index remembers it and refuses another."""

    dynamodb_table_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,200}$")] | None = None
    """Keep profiles, sessions and releases in the DynamoDB tables `<prefix>-profiles`, `-conversations` and
    `-releases` in place of the state folder, and publish patterns to `-patterns`; account and region are
    those that boto3 finds. `slipstream config check --create` makes the tables."""

    opensearch_url: Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+/?$")] | None = None
    """Keep patterns and knowledge in this OpenSearch 3 cluster or collection (`https://host`). While it is
    down or slow, guidance goes on and knowledge is looked up in the state folder."""

    opensearch_service: Literal["es", "aoss"] | None = None
    """Sign requests for OpenSearch Service (`es`) or OpenSearch Serverless (`aoss`), with the account and
    region that boto3 finds; `None`: do not sign."""

    opensearch_engine: Literal["lucene", "faiss"] = "lucene"
    """Who keeps the vectors; OpenSearch Serverless has `faiss` alone."""

    knowledge_base_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z]{1,10}$")] | None = None
    """Look knowledge up in this Bedrock Knowledge Base; while it is down, in the state folder."""

    guardrail_id: Annotated[str, Field(pattern=r"^(arn:aws\S+:guardrail/)?[a-z0-9]{1,64}$")] | None = None
    """Ask this Bedrock guardrail, by id or ARN, about messages of which the local detector of prompt attacks
    is unsure; while it is down the local verdict stands."""

    guardrail_version: Annotated[str, Field(pattern=r"^([1-9]\d{0,7}|DRAFT)$")] = "DRAFT"
    """Version of that guardrail: a number, or `DRAFT`."""

    redis_url: SecretStr | None = None
    """Valkey or Redis (`redis://` or `rediss://`) where what a search found is kept for a day; masked
    wherever settings are shown. While it is down everything works, only slower."""

    session_memory: Literal["state", "dynamodb", "valkey", "agentcore"] = "state"
    """Where a session's earlier turns are kept: in the state folder, in the DynamoDB table
    `<prefix>-checkpoints`, in `redis_url`, or in AgentCore Memory. While it is down turns are answered
    without them."""

    agentcore_memory_id: Annotated[str, Field(pattern=r"^[a-zA-Z][\w-]{0,99}-[a-zA-Z0-9]{10}$")] | None = None
    """Id of the AgentCore Memory for `session_memory`; its event expiry says how long sessions are kept."""

    checkpoint_keys: SecretStr | None = None
    """Keys that sign a session's stored turns, at least 32 characters each, with commas in between: the first
    signs, the others are older and still count. Needed unless `session_memory` is `state`; there the default
    is a key made beside the state folder (`.slipstream.key`). Stored turns with another signature are
    refused; masked wherever settings are shown."""

    tenant: Text = "local"
    """Tenant of requests that come without a verified one; nothing is shared between tenants."""

    user: Text = "local"
    """User of the command line and the notebook."""

    guidance_enabled: bool = Field(default=True, validation_alias=_flag("GUIDANCE_ENABLED"))
    """Suggest likely next steps from learned patterns."""

    memory_enabled: bool = Field(default=True, validation_alias=_flag("MEMORY_ENABLED"))
    """Keep user profiles and sessions between turns."""

    mcp_enabled: bool = Field(default=False, validation_alias=_flag("MCP_ENABLED"))
    """Offer the tools of `mcp_servers` to the task planner."""

    advanced_analytics: bool = Field(default=True, validation_alias=_flag("ADVANCED_ANALYTICS"))
    """Learn gapped patterns (steps with others in between) besides plain flows."""

    debug_mode: bool = Field(default=False, validation_alias=_flag("DEBUG_MODE"))
    """Log at level `debug` and show tracebacks of unexpected errors on stderr; never in replies."""

    mcp_servers: dict[str, str] = {}
    """MCP server name to its command line, or to its `http://` or `https://` address. The environment
    takes a JSON object; entries of several sources are joined."""

    holdout_share: float = Field(default=0.1, ge=0, le=1)
    """Share of sessions (0 to 1) that get no guidance, so that its worth can be measured."""

    learn_after: int = Field(default=100, ge=0)
    """New intents since the last release (count); `learn --if-due` learns when there are more."""

    session_idle_s: float = Field(default=1800, gt=0)
    """Time without a turn after which a session counts as over (seconds)."""

    backlog_mb: int = Field(default=256, ge=1)
    """Waiting events (megabytes) above which the journal drops those that only a trace shows, and counts
    them; at twice as much it takes none."""

    event_bus: Text | None = None
    """EventBridge bus, by name or ARN, on which finished turns and sessions are announced."""

    lake_bucket: Text | None = None
    """S3 bucket that holds the lake and the files of releases; `None`: they stay in the state folder."""

    host: Text | None = None
    """Address that `serve` listens on; `None`: 0.0.0.0 inside a container, else 127.0.0.1."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port that `serve` listens on; 0 takes a free one."""

    log_level: LogLevel | None = None
    """Least level that is logged, as JSON lines on stderr; `None`: `info` when serving, else `warning`."""

    jwt_identity: bool = False
    """Take user and tenant from the bearer token that the platform has verified. Only behind a
    gateway that checks signatures: this program does not."""

    tenant_claim: Text = "tenant"
    """Claim of that token which names the tenant."""

    model_api_key: SecretStr | None = None
    """Key for a hosted chat model; masked wherever settings are shown. Bedrock needs none."""

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("state_dir", "domains_dir")
    @classmethod
    def _expand(cls, folder: Path | None) -> Path | None:
        return folder.expanduser() if folder else None

    @field_validator("model_fallbacks", mode="before")
    @classmethod
    def _split(cls, names: object) -> object:
        if isinstance(names, str):
            return [name.strip() for name in names.split(",") if name.strip()]
        return names

    @field_validator("redis_url")
    @classmethod
    def _address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not re.match(r"(redis|valkey)s?://\S", url.get_secret_value()):
            raise ValueError("it does not start with redis:// or rediss://")
        return url

    @field_validator("checkpoint_keys")
    @classmethod
    def _long_enough(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None and min(len(key.strip()) for key in keys.get_secret_value().split(",")) < 32:
            raise ValueError("a key is shorter than 32 characters")
        return keys

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources; the first one wins. Files with secrets and `.env` files are not read."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


class TrainingJob(BaseSettings):
    """What SageMaker tells a training job (script mode); on a laptop all of it is absent."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="SM_", env_ignore_empty=True, extra="ignore", protected_namespaces=()
    )

    channel_train: Path | None = None
    """Folder of the channel `train`: training data as `slipstream models train` makes it."""

    model_dir: Path | None = None
    """Folder whose contents become the model."""

    output_data_dir: Path | None = None
    """Folder for what is not part of the model: the figures."""

    hps: dict[str, Any] = {}
    """Hyperparameters by name; an option of the command line wins."""


class Setting(NamedTuple):
    """One setting with its value and where that came from."""

    name: str
    value: object
    """JSON-plain; a secret is masked."""

    source: str
    """`argument`, `environment NAME`, `slipstream.toml:LINE` or `default`."""


def load_settings(**arguments: Any) -> Settings:
    """Read all sources and check them; an argument that is `None` counts as not given.

    Raises:
        SettingsInvalid: names the source, the value, and the nearest name for one that is unknown.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in given:
        _refuse_unknown(name, f"argument `{name}`")
    origins = _file_origins() | _environment_origins() | dict.fromkeys(given, "argument")
    try:
        settings = Settings(**given)
    except SettingsError:  # the one value that is not plain text
        raise _invalid("mcp_servers", "it is not a JSON object", origins) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = _field(str(first["loc"][0]))
        value = "" if name in SECRET else f", got `{str(first['input'])[:80]}`"
        raise _invalid(name, first["msg"][:1].lower() + first["msg"][1:] + value, origins) from None
    settings._origins = origins
    return settings


def load_training_job() -> TrainingJob:
    """Read what the training platform says of this job.

    Raises:
        SettingsInvalid: `SM_HPS` is not a JSON object.
    """
    try:
        return TrainingJob()
    except (SettingsError, ValidationError):
        raise SettingsInvalid(
            "environment SM_HPS", "it is not a JSON object", fix="Leave it to the training platform."
        ) from None


def sources(settings: Settings) -> list[Setting]:
    """Return every setting that `load_settings` read, in the order of the class."""
    values = settings.model_dump(mode="json")
    return [Setting(name, values[name], settings._origins.get(name, "default")) for name in values]


def environment_names(name: str) -> list[str]:
    """Return the environment variables that set a field; the first one wins."""
    alias = Settings.model_fields[name].validation_alias
    return (
        [str(choice) for choice in alias.choices]
        if isinstance(alias, AliasChoices)
        else [PREFIX + name.upper()]
    )


# --- where values come from --------------------------------------------------------------------


def _environment_origins() -> dict[str, str]:
    """Map each field that the environment sets to the variable; unknown `SLIPSTREAM_` ones are refused."""
    present = {key.upper(): key for key, value in os.environ.items() if value}  # noqa: TID251 - the one place
    for upper, key in present.items():
        if upper.startswith(PREFIX):
            _refuse_unknown(upper.removeprefix(PREFIX).lower(), f"environment {key}", PREFIX)
    origins = {}
    for field in Settings.model_fields:
        found = next((present[name] for name in environment_names(field) if name in present), None)
        if found:
            origins[field] = f"environment {found}"
    return origins


def _file_origins() -> dict[str, str]:
    """Map each field that the file sets to its line; a file that is not there sets none."""
    file = Path(FILE)
    try:
        text = file.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise SettingsInvalid(
            FILE, f"byte {error.start} is not UTF-8", fix="Save the file as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{FILE}:{line[1]}" if line else FILE
        raise SettingsInvalid(where, f"not TOML: {error}", fix='Write `name = "value"` lines.') from None
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise SettingsInvalid(FILE, problem, fix="Make it readable, or move it away.") from None
    origins = {key: f"{FILE}:{_line(text, key)}" for key in table}
    for key, where in origins.items():
        _refuse_unknown(key, where)
    return origins


def _line(text: str, key: str) -> int:
    """Return the line (from 1) where a key or table of the file starts."""
    start = re.compile(rf"\s*\[?\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if start.match(line)), 1)


# --- what is wrong ------------------------------------------------------------------------------


def _refuse_unknown(name: str, where: str, prefix: str = "") -> None:
    if name in Settings.model_fields:
        return
    plain = name.lower().replace("-", "_").removeprefix(PREFIX.lower())
    near = difflib.get_close_matches(plain, Settings.model_fields, n=1, cutoff=0.5)
    word = prefix + near[0].upper() if near and prefix else near[0] if near else ""
    fix = (
        f"Write `{word}` instead, or remove it."
        if word
        else "Remove it; docs/settings.md names all settings."
    )
    raise SettingsInvalid(where, f"there is no setting `{name}`", fix=fix)


def _invalid(name: str, problem: str, origins: dict[str, str]) -> SettingsInvalid:
    origin = origins.get(name, "default")
    where = f"argument `{name}`" if origin == "argument" else origin
    detail = "" if where.startswith(("argument", "environment")) else f"`{name}`: "
    return SettingsInvalid(
        where, detail + problem, fix=f"Correct it; docs/settings.md says what `{name}` takes."
    )


def _field(location: str) -> str:
    """Return the field behind a location of pydantic, which may be an alias."""
    return next((name for name in Settings.model_fields if location in environment_names(name)), location)
