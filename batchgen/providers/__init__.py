"""What providers say and how: requests in their dialects, answers decoded as they arrive, failures by consequence."""

from batchgen.providers.dialects import most_per_call
from batchgen.providers.rules import refusals, to_send
