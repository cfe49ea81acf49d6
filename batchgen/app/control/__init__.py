"""Tell a run how to go on, and see where it stands."""
