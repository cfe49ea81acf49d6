"""What a process used: CPU, memory above idle, stalls of its event loop."""

import asyncio
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path

TICK = 0.005


@dataclass
class Probe:
    """Measures from its making on."""

    cpu_at: float = 0.0
    wall_at: float = 0.0
    idle_kib: int = 0
    lags: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        self.idle_kib = _status("VmRSS")
        self.cpu_at = _cpu()
        self.wall_at = time.monotonic()

    async def watch(self) -> None:
        """Tick, and remember how late each tick came: whatever blocks the loop shows here."""
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            self.lags.append(time.monotonic() - due)

    def result(self) -> dict[str, float]:
        """Seconds of CPU and wall, MiB above idle, seconds of the worst lag and of the lag that 99 % stay below."""
        lags = sorted(self.lags) or [0.0]
        return {
            "cpu": _cpu() - self.cpu_at,
            "wall": time.monotonic() - self.wall_at,
            "growth_mib": (_status("VmHWM") - self.idle_kib) / 1024,
            "idle_mib": self.idle_kib / 1024,
            "stall": lags[-1],
            "lag_p99": lags[int(0.99 * (len(lags) - 1))],
        }


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
