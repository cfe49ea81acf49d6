"""Pure renderers: values of the program become lines and tables for people."""
