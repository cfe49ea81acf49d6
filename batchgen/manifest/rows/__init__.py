"""Readers of row files; every cell is text."""
