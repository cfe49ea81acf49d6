"""Clock, threads, event loop and signals of the machine."""
