"""The edge: how a turn gets in and out."""
