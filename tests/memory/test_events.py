import pytest
from pydantic import TypeAdapter

from memory.events import dump_event, parse_event
from memory.ids import make_event_id, make_pattern_id, new_request_id, new_session_id
from memory.records import NodeFinished, SessionEvent
from tests.conformance.samples import completed, feedback, turn_events

EVENTS = [*turn_events(), feedback(), completed()]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_the_way_to_json_and_back(event: SessionEvent) -> None:
    assert parse_event(dump_event(event)) == event


def test_unknown_is_left_out_of_the_json() -> None:
    assert b"null" not in dump_event(completed())


def test_fields_of_a_newer_writer_are_ignored() -> None:
    newer = dump_event(completed()).replace(b'{"', b'{"mood":"good","', 1)

    assert parse_event(newer) == completed()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "json_invalid"),
        (b"{", "json_invalid"),
        (b"[]", "dict_type"),
        (b"\xff\xfe", "json_invalid"),
        (b'{"kind":"dream_told"}', "union_tag_invalid"),
        (b'{"kind":"turn_started"}', "missing at"),
        (b"[" * 100_000, "json_invalid"),
    ],
)
def test_what_cannot_be_read_says_why_without_its_content(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse_event(body)

    assert len(str(refused.value)) < 100


def test_half_a_surrogate_pair_becomes_the_replacement_character_anywhere() -> None:
    [_, node, _] = turn_events()
    assert isinstance(node, NodeFinished)
    odd = node.model_copy(update={"changed": {"no\ud800te": ["a\udfff", {"b": "c\ud83d"}]}})

    back = parse_event(dump_event(odd))

    assert isinstance(back, NodeFinished)
    assert back.changed == {"no\ufffdte": ["a\ufffd", {"b": "c\ufffd"}]}


def test_every_kind_of_event_has_one_name() -> None:
    schema = TypeAdapter(SessionEvent).json_schema()

    assert {event.kind for event in EVENTS} <= set(schema["discriminator"]["mapping"])


def test_the_same_event_has_the_same_id_and_another_has_another() -> None:
    ids = {
        make_event_id("s", "r", 1, 1, tenant="t"),
        make_event_id("s", "r", 1, 2, tenant="t"),
        make_event_id("s", "r", 2, 1, tenant="t"),
        make_event_id("s", "r1", 1, 1, tenant="t"),
        make_event_id("sr", "", 1, 1, tenant="t"),
        make_event_id("", "sr", 1, 1, tenant="t"),
        make_event_id("s", "r", 1, 1, tenant="u"),
    }

    assert make_event_id("s", "r", 1, 1, tenant="t") in ids
    assert len(ids) == 7
    assert {len(known) for known in ids} == {32}


def test_ids_of_one_request_begin_alike_so_that_an_index_keeps_them_together() -> None:
    one, two = (make_event_id("s", "r", 1, seq, tenant="t") for seq in (1, 2))

    assert one[:20] == two[:20]


def test_a_pattern_id_is_the_same_in_every_process_and_tells_patterns_apart() -> None:
    ids = {
        make_pattern_id("pumps", "flow", ["a", "b"]),
        make_pattern_id("pumps", "flow", ["a", "b"]),
        make_pattern_id("pumps", "flow", ["b", "a"]),
        make_pattern_id("pumps", "sequence", ["a", "b"]),
        make_pattern_id("valves", "flow", ["a", "b"]),
        make_pattern_id("pumps", "flow", ["ab"]),
    }

    assert make_pattern_id("pumps", "flow", ["a", "b"]) == "p-7a6041d3c41d6e7d"
    assert len(ids) == 5


def test_ids_of_sessions_and_requests_are_fresh_and_long_enough_for_agentcore() -> None:
    assert len({new_session_id() for _ in range(100)} | {new_request_id() for _ in range(100)}) == 200
    assert 33 <= len(new_session_id()) <= 256
