"""Composition: joins the rooms; nothing but `config` reads the environment."""
