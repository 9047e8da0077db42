"""The machine: state, routes, build, run, trace."""
