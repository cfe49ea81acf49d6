"""What can be said before a run; nothing is paid."""
