"""Run a command that can open no socket, and neither can what it starts: seal.py COMMAND [ARGUMENT...].

A container of the engine always has a network and may not leave it. What it may do is give up rights for good.
"""

import ctypes
import os
import platform
import struct
import sys

# What Linux calls the machines, and the number of the call socket there.
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
IO_URING_SETUP = 425  # a ring opens sockets too
X32 = 0x40000000  # here a second set of numbers begins on x86_64

LOAD, JUMP_EQUAL, JUMP_FROM, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM

NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
CAPABILITIES, DAC_OVERRIDE = 0x20080522, 1 << 1


def program(machine):
    """Return the filter for seccomp(2): steps of (code, steps to skip if so, if not, value)."""
    architecture, socket = MACHINES[machine]
    steps = [
        (LOAD, 0, 0, 4),  # the architecture; at 0 is the number of the call
        (JUMP_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, 0),
        (JUMP_FROM, 3, 0, X32),
        (JUMP_EQUAL, 2, 0, socket),
        (JUMP_EQUAL, 1, 0, IO_URING_SETUP),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def seal():
    """Give up sockets, and the capabilities with which the container's first process could be made to open one."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name, *args):
        if getattr(libc, name)(*args) != 0:
            raise OSError(ctypes.get_errno(), name + " was refused")

    call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    kept = struct.pack("6I", DAC_OVERRIDE, DAC_OVERRIDE, 0, 0, 0, 0)
    call("capset", struct.pack("Ii", CAPABILITIES, 0), kept)
    steps = program(platform.machine())
    buffer = ctypes.create_string_buffer(steps)
    filtered = struct.pack("HxxxxxxP", len(steps) // 8, ctypes.addressof(buffer))
    call("prctl", SECCOMP, FILTER, filtered, 0, 0)


if __name__ == "__main__":
    try:
        seal()
    except (KeyError, OSError) as e:
        sys.exit(f"the command cannot be cut off from the network on this engine ({e!r}), so it is not run")
    os.execvp(sys.argv[1], sys.argv[1:])
