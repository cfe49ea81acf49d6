"""An output folder between runs."""
