"""The page of an output, served while people look at it: HTTP, who may ask, and what is told as it happens."""

from batchgen.viewer.desk import Desk, Found, News, NoSuchThing
from batchgen.viewer.server import ViewServer

__all__ = ["Desk", "Found", "News", "NoSuchThing", "ViewServer"]
