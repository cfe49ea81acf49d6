"""Options, environment and the project that they describe."""
