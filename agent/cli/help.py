"""Help with its commands in sections."""

from typing import Any

from typer.core import TyperGroup


class SectionedHelp(TyperGroup):
    """Lists commands under the section they were given; sections in the order they first appear."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one block of commands for each section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        longest = max(len(name) for name in self.commands)
        limit = formatter.width - 6 - longest
        for name in self.list_commands(ctx):
            command = self.commands[name]
            section = getattr(command, "rich_help_panel", None)
            row = (name.ljust(longest), command.get_short_help_str(limit))
            sections.setdefault(section if isinstance(section, str) else "Commands", []).append(row)
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)
