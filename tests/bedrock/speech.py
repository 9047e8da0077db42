"""What the models of the tests say to the prompts of the three skills."""

import json
import re

INTENT = re.compile(r"^- (\w+):", re.MULTILINE)


def skilled(prompt: str) -> str:
    """Answer as a model that understands each prompt and writes from its first passage."""
    if '"criteria"' in prompt:
        return json.dumps({"criteria": {"grounded": 1, "cited": 1, "complete": 1, "on_topic": 1}})
    if '"confidence"' in prompt:
        found = INTENT.search(prompt)
        assert found, "the prompt names the intents"
        return json.dumps({"intent": found[1], "topic": None, "confidence": 0.9})
    return "See what the passage says. [1]"
