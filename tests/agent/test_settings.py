"""Settings: where a value comes from, and what is said of one that cannot be used."""

from pathlib import Path

import pytest
from inline_snapshot import snapshot
from pydantic import ValidationError

from agent.settings import (
    Settings,
    SettingsInvalid,
    environment_names,
    load_settings,
    sources,
)

FLAGS = ["guidance_enabled", "memory_enabled", "mcp_enabled", "advanced_analytics", "debug_mode"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an environment that sets nothing."""
    for field in Settings.model_fields:
        for name in environment_names(field):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source_of(settings: Settings, name: str) -> str:
    return next(row.source for row in sources(settings) if row.name == name)


def test_arguments_win_over_the_environment_over_the_file_over_defaults(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "slipstream.toml").write_text('user = "file"\ntenant = "file"\nmodel = "file:x"\n')
    monkeypatch.setenv("SLIPSTREAM_USER", "environment")
    monkeypatch.setenv("SLIPSTREAM_TENANT", "environment")

    settings = load_settings(user="argument")

    assert (settings.user, settings.tenant, settings.model) == ("argument", "environment", "file:x")
    assert settings.embedder == "minilm"


def test_every_value_names_its_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "slipstream.toml").write_text(
        '# mine\nmodel = "openai:x"\n\n[mcp_servers]\ndocs = "docs-mcp"\n'
    )
    monkeypatch.setenv("DEBUG_MODE", "1")

    settings = load_settings(port=0)

    found = {row.name: (row.value, row.source) for row in sources(settings) if row.source != "default"}
    assert found == {
        "model": ("openai:x", "slipstream.toml:2"),
        "mcp_servers": ({"docs": "docs-mcp"}, "slipstream.toml:4"),
        "debug_mode": (True, "environment DEBUG_MODE"),
        "port": (0, "argument"),
    }
    assert len(sources(settings)) == len(Settings.model_fields)


@pytest.mark.parametrize("flag", FLAGS)
def test_a_feature_flag_has_a_bare_name_and_the_prefixed_one_wins(
    flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = getattr(load_settings(), flag)

    monkeypatch.setenv(flag.upper(), str(not default))
    by_bare_name = getattr(load_settings(), flag)
    monkeypatch.setenv(f"SLIPSTREAM_{flag.upper()}", str(default))
    settings = load_settings()

    assert (by_bare_name, getattr(settings, flag)) == (not default, default)
    assert source_of(settings, flag) == f"environment SLIPSTREAM_{flag.upper()}"


def test_an_argument_that_is_none_counts_as_not_given() -> None:
    assert source_of(load_settings(domain=None), "domain") == "default"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_HOST", "")

    settings = load_settings()

    assert (settings.host, source_of(settings, "host")) == (None, "default")


def test_the_home_folder_is_spelled_out() -> None:
    assert load_settings(state_dir="~/kept").state_dir == Path.home() / "kept"


def test_a_secret_is_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODEL_API_KEY", "sk-very-secret")

    settings = load_settings()

    assert settings.model_api_key is not None
    assert settings.model_api_key.get_secret_value() == "sk-very-secret"
    assert "very-secret" not in f"{settings!r} {sources(settings)} {settings.model_dump_json()}"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1  # type: ignore[misc]


def complaint(**arguments: object) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(**arguments)
    return f"{caught.value} | {caught.value.fix}"


def test_a_misspelt_argument_is_refused_with_the_near_word() -> None:
    assert complaint(domian="x") == snapshot(
        "argument `domian`: there is no setting `domian`. | Write `domain` instead, or remove it."
    )


def test_a_misspelt_variable_is_refused_with_the_near_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODLE", "local")

    assert complaint() == snapshot(
        "environment SLIPSTREAM_MODLE: there is no setting `modle`. | "
        "Write `SLIPSTREAM_MODEL` instead, or remove it."
    )


def test_a_misspelt_key_of_the_file_is_refused_with_its_line(folder: Path) -> None:
    (folder / "slipstream.toml").write_text("port = 1\n\nhold_out_share = 0.5\n")

    assert complaint() == snapshot(
        "slipstream.toml:3: there is no setting `hold_out_share`. | "
        "Write `holdout_share` instead, or remove it."
    )


def test_a_word_like_no_setting_is_refused_without_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_ZZZZ", "1")

    assert complaint() == snapshot(
        "environment SLIPSTREAM_ZZZZ: there is no setting `zzzz`. | "
        "Remove it; docs/settings.md names all settings."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLIPSTREAM_HOLDOUT_SHARE", "2"),
        ("SLIPSTREAM_PORT", "70000"),
        ("SLIPSTREAM_SESSION_IDLE_S", "0"),
        ("SLIPSTREAM_LOG_LEVEL", "loud"),
        ("MCP_ENABLED", "maybe"),
        ("SLIPSTREAM_MCP_SERVERS", "[1]"),
        ("SLIPSTREAM_MODEL", "x" * 600),
    ],
)
def test_a_value_out_of_range_is_refused_with_source_and_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    said = complaint()

    assert said.startswith(f"environment {name}: ")
    assert value.strip("[]")[:80] in said


def test_a_variable_that_is_not_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_MCP_SERVERS", "docs-mcp")

    assert complaint() == snapshot(
        "environment SLIPSTREAM_MCP_SERVERS: it is not a JSON object. | "
        "Correct it; docs/settings.md says what `mcp_servers` takes."
    )


def test_a_broken_secret_is_refused_without_being_shown(folder: Path) -> None:
    (folder / "slipstream.toml").write_text("model_api_key = 123456\n")

    said = complaint()

    assert said.startswith("slipstream.toml:1: `model_api_key`: ")
    assert "123456" not in said


@pytest.mark.parametrize("content", [b"port = = 1\n", b'user = "\xff"\n'])
def test_a_file_that_is_not_toml_is_refused(content: bytes, folder: Path) -> None:
    (folder / "slipstream.toml").write_bytes(content)

    assert complaint().startswith("slipstream.toml")


def test_a_folder_in_place_of_the_file_is_refused(folder: Path) -> None:
    (folder / "slipstream.toml").mkdir()

    assert complaint().startswith("slipstream.toml: it cannot be read")


def test_the_level_may_be_written_in_capitals() -> None:
    assert load_settings(log_level="WARNING").log_level == "warning"
