"""What changed between two releases."""

from collections.abc import Iterable

from memory.records import Pattern, Record, Release


class Changed(Record):
    """A pattern of both whose success rate moved beyond what its interval allows."""

    pattern: Pattern
    """As the later release has it."""

    rate_before: float
    rate_after: float


class ReleaseDiff(Record):
    """What a release has that another has not."""

    before: Release
    after: Release
    new: list[Pattern]
    """Most frequent first, as in the release."""

    gone: list[Pattern]
    changed: list[Changed]
    """Largest change first."""

    metrics: dict[str, tuple[float | None, float | None]]
    """Figure to its value before and after; `None` where one release lacks it."""


def compare_releases(
    before: Release, after: Release, patterns_before: Iterable[Pattern], patterns_after: Iterable[Pattern]
) -> ReleaseDiff:
    """Return what is new, gone and changed in `after`."""
    old = {one.pattern_id: one for one in patterns_before}
    new = {one.pattern_id: one for one in patterns_after}
    changed = [
        Changed(pattern=one, rate_before=old[key].success_rate or 0.0, rate_after=one.success_rate or 0.0)
        for key, one in new.items()
        if key in old and _moved(old[key], one)
    ]
    names = dict.fromkeys([*before.metrics, *after.metrics])
    return ReleaseDiff(
        before=before,
        after=after,
        new=[one for key, one in new.items() if key not in old],
        gone=[one for key, one in old.items() if key not in new],
        changed=sorted(changed, key=lambda one: -abs(one.rate_after - one.rate_before)),
        metrics={name: (before.metrics.get(name), after.metrics.get(name)) for name in names},
    )


def _moved(before: Pattern, after: Pattern) -> bool:
    """True when the later rate lies outside of the interval of the one before."""
    if before.success_low is None or before.success_high is None or after.success_rate is None:
        return False
    return not before.success_low <= after.success_rate <= before.success_high
