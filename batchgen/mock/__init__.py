"""A local Images API server: real HTTP, limits, faults, gateways' dialects, and a bill of its own.

This front is light; `batchgen.mock.server` (MockServer) and `batchgen.mock.embedded` (start_embedded, serve) are what
loads aiohttp and Pillow.
"""

from batchgen.mock.config import MockConfig
from batchgen.mock.plan import Faults, Rule, load_rules
