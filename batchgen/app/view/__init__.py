"""An output while people look at it."""
