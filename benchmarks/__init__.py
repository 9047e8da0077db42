"""Programs that measure; each prints a table and, with `--json`, figures."""
