"""The offline half: events to sessions to patterns to a release."""
