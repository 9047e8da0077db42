"""Logs that people already have become session events: one file a format, and what they share."""
