"""The page of an output, served while people look at it: HTTP, who may ask, and what is told as it happens."""

from batchgen.viewer.page_source import Found, News, NoSuchThing, PageSource
from batchgen.viewer.server import ViewServer

__all__ = ["Found", "News", "NoSuchThing", "PageSource", "ViewServer"]
