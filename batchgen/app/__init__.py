"""Composition root: joins the rooms, one function for each command, and the only reader of the environment."""
