"""What rsync starts instead of ssh: joins its stdin and stdout to a socket of the cockpit that started rsync.

Run as a file, without cockpit's packages: it is there after 12 ms.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable

VARIABLE = "COCKPIT_BRIDGE"
"""Names the socket."""
PIECE_BYTES = 64 * 1024


def pump(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
    while data := read(PIECE_BYTES):
        write(data)


def main() -> None:
    """First a line with the length of what ssh would have been told to run, then that, then the two streams."""
    words = "\0".join(sys.argv[2:]).encode("utf-8", "surrogateescape")
    with socket.socket(socket.AF_UNIX) as way, open(1, "wb", 0, closefd=False) as out:
        way.connect(os.environ[VARIABLE])
        way.sendall(b"%d\n%s" % (len(words), words))

        def up() -> None:
            pump(lambda most: os.read(0, most), way.sendall)
            way.shutdown(socket.SHUT_WR)

        threading.Thread(target=up, daemon=True).start()
        pump(way.recv, out.write)


if __name__ == "__main__":
    main()
