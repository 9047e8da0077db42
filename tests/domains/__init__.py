"""Tests of the room `domains`."""
