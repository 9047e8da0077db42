"""A turn as a notebook shows it."""

from collections.abc import Sequence

from agent.views.html import run_html
from agent.views.markup import is_degraded
from agent.views.svg import graph_svg, guidance_svg
from agent.views.text import reply_text, timeline_text
from agent.views.words import label_of, time_taken
from graph.trace import NodeRun, Trace
from memory.errors import AgentError
from memory.turns import TurnReply


class NodeRunUnknown(AgentError):
    """A turn has no such node run."""

    code = "agent.node_run_unknown"
    kind = "not_found"

    def __init__(self, node: str, number: int, path: Sequence[str]) -> None:
        super().__init__(
            f"Run {number} of node `{node}` is not in this turn.",
            fix=f"It ran: {', '.join(path) or 'nothing that was recorded'}.",
        )


class Drawing:
    """An SVG picture that notebooks show."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __repr__(self) -> str:
        return f"Drawing({len(self.svg):,} characters of SVG)"

    def _repr_html_(self) -> str:
        # inline, so that it takes the colours of the notebook; as an image it would take the system's
        return self.svg


class Run:
    """One turn: its reply, its trace, and each node run by name."""

    def __init__(self, reply: TurnReply, trace: Trace) -> None:
        self.reply = reply
        self.trace = trace
        """Once the session's next turn is over, it tells whether the guidance was followed."""

    @property
    def session(self) -> str:
        """Id of the session, to go on with: `lab.run("…", session=run.session)`."""
        return self.reply.session_id

    @property
    def graph(self) -> Drawing:
        """The machine with the path that this turn took."""
        broken = {run.node for run in self.trace.runs if is_degraded(run)}
        return Drawing(graph_svg(self.trace.path, degraded=broken))

    @property
    def guidance(self) -> Drawing:
        """The likely next steps with their confidence, or why there are none."""
        return Drawing(guidance_svg(self.reply.guidance))

    def __getitem__(self, key: str | tuple[str, int]) -> NodeRun:
        """Return a node run: `run["judge"]` the first of that node, `run["judge", 2]` the second.

        Raises:
            NodeRunUnknown: the turn has no such run.
        """
        node, number = (key, 1) if isinstance(key, str) else key
        for run in self.trace.runs:
            if (run.node, run.run) == (node, number):
                return run
        raise NodeRunUnknown(node, number, self.trace.path)

    def __repr__(self) -> str:
        reply = self.reply
        facts = [f"turn {reply.turn}", reply.kind, label_of(reply.intent, reply.topic)]
        facts += [reply.verdict or "", time_taken(reply.duration_ms)]
        return f"Run({', '.join(fact for fact in facts if fact)})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        text = f"{reply_text(self.reply)}\n\n{timeline_text(self.trace)}"
        return {"text/plain": text, "text/html": run_html(self.trace, self.reply)}
