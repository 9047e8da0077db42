"""`slipstream learn`: the offline half."""

from agent.cli.options import Domain, Json, State
from agent.cli.output import look, write, write_json
from agent.cli.work import opened_runtime


def learn(domain: Domain = None, state: State = None, as_json: Json = False) -> None:
    """Learn from all recorded sessions; the result goes live.

    Running it again on the same sessions gives the same release.

    Example: slipstream learn -d solaris
    """
    from agent.settings import load_settings
    from agent.views.text import learn_text

    settings = load_settings(domain=domain, state_dir=state)
    with opened_runtime(settings, show_progress=not as_json) as (runtime, loop, on_progress):
        report = loop.run(runtime.learn(settings.domain, on_progress))
    if as_json:
        write_json(report.model_dump(mode="json"))
    else:
        write(learn_text(report, **look()))
