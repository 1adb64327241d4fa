"""``python -m testbed.cluster``: a node to look at, until Ctrl-C; prints what points kubectl and helm there."""

import signal
import sys
import tempfile
from pathlib import Path
from threading import Event

from testbed import images, node
from testbed.processes import TestbedError


def main() -> int:
    """Start it, with the images of tests, and wait; 1 when it can't be had."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        node.ensure()
        archives = images.ensure()
        with tempfile.TemporaryDirectory(prefix="teltubby-node-") as folder, node.Node(Path(folder, "node")) as cluster:
            cluster.start(archives)
            sys.stdout.write(f"{node.exports(cluster)}\n")
            sys.stdout.flush()
            stop.wait()
    except TestbedError as error:
        sys.stderr.write(f"test-bed: {error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
