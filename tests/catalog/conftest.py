"""Laws over many values take as long as the machine needs: only their truth is tested."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
