"""Permits for calls: how many at once, how fast, and none at all while the provider fails.

One call asks for them in this order, and holds its slot to the end:

    async with limiter.slot():
        ticket = await breaker.allow()                   # None: given up, the run is over
        start = await limiter.pace(n, input_images, tokens)
        if not breaker.admits(ticket): ...               # it opened meanwhile: try again
        ...                                              # reserve the money
        limiter.sent(start)                              # and only then send
        ...
        limiter.throttled(retry_after, start)            # for a rate-limit 429
        limiter.answered(start)                          # for any other answer
        breaker.record(ticket, remedy)                   # or breaker.release(ticket) if nothing was sent
"""

from batchgen.limits.breaker import Breaker, Breakers, TemplateBreaker, Ticket
from batchgen.limits.limiter import Limiter
from batchgen.limits.sliding_window import Start
from batchgen.limits.start_queue import SharedPace
from batchgen.limits.stop_gate import Closed
