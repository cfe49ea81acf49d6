"""A Ray cluster of several nodes on this machine, in a process of its own: prints its address, then obeys lines.

`add` begins one more node, `kill` ends the last one as if its machine lost power; the end of the input ends all.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}


def main(count: int) -> None:
    """Serve until the input ends."""
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(initialize_head=True, head_node_args=NODE)
    nodes = [cluster.add_node(**_more()) for _ in range(count - 1)]
    say(cluster.address)
    for line in sys.stdin:
        if line.strip() == "add":
            nodes.append(cluster.add_node(**_more()))
        elif line.strip() == "kill":
            kill(nodes.pop())
        say("done")
    cluster.shutdown()


def _more() -> dict[str, Any]:
    return {name: value for name, value in NODE.items() if name != "include_dashboard"}


def kill(node: Any) -> None:
    """Kill the node's own process, and all that it began, at once."""
    for infos in list(node.all_processes.values()):
        for info in infos:
            for child in children(info.process.pid):
                os.kill(child, signal.SIGKILL)
            info.process.kill()


def children(pid: int) -> list[int]:
    """List the processes that a process began."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def say(word: str) -> None:
    """Answer."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
