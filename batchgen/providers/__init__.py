"""What providers say and how: requests in their dialects, answers decoded as they arrive, failures by consequence."""
