"""Decisions and rewordings that people hand back."""
