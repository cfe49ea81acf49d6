"""A process that forks a child for each command, so that a sample need not wait for imports again and again.

A child does what `python -m batchgen WORDS` does, and nothing else of batchgen is named here: the modules that are
loaded beforehand are those that the package happens to have.
"""

import importlib
import json
import os
import pkgutil
import runpy
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import bpe_openai

import batchgen


def _load() -> None:
    for module in pkgutil.walk_packages(batchgen.__path__, "batchgen."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("openpyxl", "xlsxwriter", "pandas", "pyarrow.parquet", "PIL.Image"):
        importlib.import_module(name)
    bpe_openai.get_encoding("o200k_base")


def _die_behind(ending: str) -> None:
    """Die by SIGKILL at once behind the first renaming to a name with this end."""
    renamed = False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal renamed
        if renamed and event != "os.kill":
            os.kill(os.getpid(), signal.SIGKILL)
        renamed = renamed or (event == "os.rename" and os.fsdecode(args[1]).endswith(ending))

    sys.addaudithook(hook)


def _become(asked: dict[str, Any]) -> int:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for name in ("out", "err"))
    for descriptor, place in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(asked["cwd"])
    os.environ.update(asked["env"])
    sys.argv = ["batchgen", *asked["words"]]
    if asked["die_behind"]:
        _die_behind(asked["die_behind"])
    try:
        runpy.run_module("batchgen", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
        return code if isinstance(code, int) else int(code is not None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
    return 0


def _wait(pid: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(0.005)


def serve() -> None:
    """Fork a child for every request to run words; wait for one for every other."""
    _load()
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = _wait(asked["wait"], asked["seconds"])
        else:
            answer = os.fork()
            if not answer:
                status = 70
                try:
                    status = _become(asked)
                finally:
                    os._exit(status)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
