"""A manifest of prompts becomes image files and a cost report, never paid twice, never over the limit."""
