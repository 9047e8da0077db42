"""What a run of the pipeline did, or would do."""

from memory.records import Pattern, Record, Release


class PassedOver(Record):
    """What was not learned from."""

    broken_files: list[str] = []
    """Files that could not be read; their sessions are learned from once they can."""

    future_events: int = 0
    """Events dated in the future (count); they count once their time has come."""

    cut_steps: int = 0
    """Steps at the ends of endless sessions that were not looked at (count)."""

    machine_sessions: int = 0
    """Sessions of users who had absurdly many (count)."""

    capped_sessions: int = 0
    """Oldest sessions of very busy users (count), so that nobody outweighs the others."""


class LearnReport(PassedOver):
    """What a run of the pipeline did."""

    release_id: str
    is_new: bool
    """False when the same sessions had been learned from before; nothing was written then."""

    is_due: bool = True
    """False when there was too little new to learn from; the live release stays."""

    unlearned: int = 0
    """Intents that the release which was live before had not seen (count)."""

    sessions: int
    """Sessions learned from (count)."""

    steps: int
    classified: int
    """Steps that a classifier named (count), in this run or an earlier one."""

    users: int
    patterns: int
    metrics: dict[str, float] = {}
    stages_ms: dict[str, float] = {}
    """Wall time of each stage (milliseconds)."""

    files: int = 0
    """Files of the lake that were read (count), in this run or an earlier one."""

    new_files: int = 0
    """Files among them that no earlier run had read (count)."""


class LearnPreview(PassedOver):
    """What a run of the pipeline would learn."""

    release_id: str
    """Id that the release would have, unless steps have yet to be named."""

    live: Release | None
    """The release that is live; `None` before the first."""

    is_new: bool
    """False when the live release has learned from the same sessions."""

    sessions: int
    steps: int
    users: int
    patterns: int
    new_patterns: list[Pattern] = []
    """Patterns that the live release does not have, in the order of `find_patterns`."""

    gone_patterns: list[Pattern] = []
    """Patterns that only the live release has."""

    moved_patterns: int = 0
    """Patterns of both whose figures differ (count)."""

    unnamed: int = 0
    """Steps that a classifier would have to name first (count); here they have the names given live."""

    waiting_events: int = 0
    """Events that are not in the lake yet (count); learning moves them there first."""

    new_files: int = 0
    """Files of the lake that no run has read yet (count)."""
