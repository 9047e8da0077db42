"""Measures the adapters against services that run here: `python -m benchmarks.adapters [NAME ...]`.

Each section is a file of its own and names its goals; one whose service is not there says so.
"""

import importlib
import sys

SECTIONS = {
    "calls": "benchmarks.adapters_calls",
    "journal": "benchmarks.adapters_journal",
    "opensearch": "benchmarks.adapters_opensearch",
}


def main(names: list[str]) -> None:
    """Run the sections named, or all."""
    for name in names or SECTIONS:
        importlib.import_module(SECTIONS[name]).run()


if __name__ == "__main__":
    main(sys.argv[1:])
