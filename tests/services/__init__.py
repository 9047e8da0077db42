"""Where the services are that adapters are tested against."""

import os
import shlex
from pathlib import Path

ADDRESS = {
    "opensearch": "OPENSEARCH_URL",
    "dynamodb": "DYNAMODB_ENDPOINT_URL",
    "aws": "AWS_ENDPOINT_URL",
    "redis": "REDIS_URL",
}
"""Name of a service to the variable that holds its address."""


def environment() -> dict[str, str]:
    """Return what the environment says of the services, over what a set that `up.sh` started says."""
    own = dict(os.environ)  # noqa: TID251 - the one place in the tests
    home = own.get("SERVICES_HOME", str(Path.home() / ".cache" / "slipstream-services"))
    file = Path(own.get("SERVICES_RUN", f"{home}/run")) / "env"
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    words = [word for line in lines for word in shlex.split(line, comments=True)[1:]]
    started = dict(word.split("=", 1) for word in words)
    return started | {name: own[name] for name in own if name in started or name in ADDRESS.values()}
