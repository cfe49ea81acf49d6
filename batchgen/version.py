"""The version, as the installed distribution states it."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("batchgen-images")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0"
