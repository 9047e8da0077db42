"""`python -m agent` is `slipstream`."""

from agent.cli import main

main()
