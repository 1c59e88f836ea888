"""What a real worker would be: it waits for work until it is told to stop."""

import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    signal.pause()
