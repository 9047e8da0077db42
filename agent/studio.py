"""The graph for `langgraph dev`, which brings its own checkpointer."""

from graph.build import build_graph

graph = build_graph().compile(name="slipstream")
