"""A real browser without a window, driven over the pipe of its DevTools protocol; it ends with the pipe."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from types import MappingProxyType
from typing import Any, Self

from tests.patience import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Nothing outside can be reached, and the browser does nothing of its own accord.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe", "--mute-audio",
    "--force-color-profile=srgb",
)  # fmt: skip
# Key names of the DevTools protocol whose code is not the name itself.
CODES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {"Enter": ("Enter", 13), "Escape": ("Escape", 27), "ArrowLeft": ("ArrowLeft", 37), "ArrowUp": ("ArrowUp", 38),
     "ArrowRight": ("ArrowRight", 39), "ArrowDown": ("ArrowDown", 40), "Home": ("Home", 36), "End": ("End", 35),
     "/": ("Slash", 191)}
)  # fmt: skip


def installed() -> str | None:
    """Find the browser on this machine; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Broken(Exception):
    """The browser refused a command, or a page did not come to what was waited for."""


@dataclass
class Browser:
    """One browser process. Commands are answered in order; events in between are kept for the pages."""

    process: subprocess.Popen[bytes]
    write: int
    read: int
    events: list[dict[str, Any]] = field(default_factory=list)
    _left: bytes = b""
    _number: int = 0

    @classmethod
    @contextmanager
    def started(cls, program: str, home: Path) -> Iterator[Self]:
        """Start the browser with a profile of its own; it is gone when the block ends."""
        (its_input, write), (read, its_output) = os.pipe(), os.pipe()
        command = ['exec "$0" "$@" 3<&%d 4>&%d' % (its_input, its_output), program, *FLAGS, f"--user-data-dir={home}"]  # noqa: UP031
        process = subprocess.Popen(
            ["bash", "-c", *command], pass_fds=(its_input, its_output), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(its_input)
        os.close(its_output)
        try:
            yield cls(process, write, read)
        finally:
            os.close(write)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(read)

    def ask(self, method: str, session: str | None = None, /, **values: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": values} | ({"sessionId": session} if session else {})
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") != self._number:
                self.events.append(answer)
            elif "error" in answer:
                raise Broken(f"{method}: {answer['error']['message']}")
            else:
                return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            if not select([self.read], [], [], PATIENCE)[0]:
                raise Broken("the browser does not answer")
            self._left += (piece := os.read(self.read, 1 << 20))
            if not piece:
                raise Broken("the browser is gone")
        message, _, self._left = self._left.partition(b"\0")
        return dict(json.loads(message))

    @contextmanager
    def page(
        self, address: str, downloads: Path, *, width: int = 1280, height: int = 900, dark: bool = False
    ) -> "Iterator[Page]":
        """Open an address in a window of its own, with its own storage."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        self.ask("Browser.setDownloadBehavior", behavior="allow", browserContextId=context, downloadPath=str(downloads))
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, downloads)
        try:
            for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
                page.ask(f"{domain}.enable")
            page.look(width, height, dark=dark)
            page.go(address)
            yield page
        finally:
            with suppress(Broken):
                self.ask("Target.disposeBrowserContext", browserContextId=context)


@dataclass
class Page:
    """One page of the browser, looked at and used as a person would."""

    browser: Browser
    session: str
    downloads: Path

    def ask(self, method: str, **values: Any) -> dict[str, Any]:
        """Give a command to this page."""
        return self.browser.ask(method, self.session, **values)

    def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Give the window a size, and the person a taste."""
        phone = width < 600
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, address: str) -> None:
        """Load an address to its end."""
        self.ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def reload(self) -> None:
        """Load the page again."""
        self.js("window.stale = true")
        self.ask("Page.reload")
        self.until("!window.stale && document.readyState === 'complete'")

    def js(self, expression: str) -> Any:
        """Check that the value of an expression; promises are waited for."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Broken(f"{expression}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    def until(self, expression: str, patience: float = PATIENCE) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + patience
        while not self.js(f"!!({expression})"):
            if time.monotonic() > end:
                raise Broken(f"never came true: {expression}")
            self.js("new Promise((done) => setTimeout(done, 10))")

    def settle(self) -> None:
        """Let what was asked for be drawn."""
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def press(self, *keys: str) -> None:
        """Press keys one after another, by the names that a page sees."""
        for key in keys:
            code, number = CODES.get(key, (f"Key{key.upper()}", ord(key.upper()[0])))
            text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
            values = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            self.ask("Input.dispatchKeyEvent", type="keyDown", **values, **text)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **values)
        self.settle()

    def type(self, text: str) -> None:
        """Write text into what has the focus."""
        self.ask("Input.insertText", text=text)
        self.settle()

    def click(self, selector: str) -> None:
        """Click in the middle of an element, after bringing it into the window."""
        found = f"document.querySelector({json.dumps(selector)})"
        box = self.js(
            f"(() => {{ const e = {found}; e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)
        self.settle()

    def choose(self, selector: str, words: str) -> None:
        """Choose the option of a select element that begins with these words."""
        self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            f" e.value = [...e.options].find((o) => o.text.startsWith({json.dumps(words)})).value;"
            " e.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )
        self.settle()

    def texts(self, selector: str) -> list[str]:
        """Return the words of every element that a selector finds."""
        return list(self.js(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)"))

    def downloaded(self, name: str) -> Path:
        """Wait for a file to be saved."""
        end = time.monotonic() + PATIENCE
        while not (self.downloads / name).exists():
            if time.monotonic() > end:
                raise Broken(f"{name} was never saved; there is {[path.name for path in self.downloads.iterdir()]}")
            self.settle()
        return self.downloads / name

    def shot(self, to: Path, *, whole: bool = False) -> Path:
        """Take an image of the window, or of the whole page."""
        import base64

        to.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=whole)["data"]))
        return to

    def happened(self, *kinds: str) -> list[dict[str, Any]]:
        """Say what the browser told of this page, by the names of events."""
        self.settle()
        mine = (event for event in self.browser.events if event.get("sessionId") == self.session)
        return [event["params"] for event in mine if event["method"] in kinds]

    def complaints(self) -> list[str]:
        """Errors and warnings in the console, exceptions, and files that could not be loaded."""
        logged = [
            entry["entry"]["text"]
            for entry in self.happened("Log.entryAdded")
            if entry["entry"]["level"] in {"error", "warning"}
        ]
        thrown = [entry["exceptionDetails"]["text"] for entry in self.happened("Runtime.exceptionThrown")]
        said = [
            str(entry["args"])
            for entry in self.happened("Runtime.consoleAPICalled")
            if entry["type"] in {"error", "warning", "assert"}
        ]
        return logged + thrown + said

    def asked_for(self) -> list[str]:
        """Every address that the page asked for."""
        return [str(entry["request"]["url"]) for entry in self.happened("Network.requestWillBeSent")]


Opened = Callable[..., Any]
