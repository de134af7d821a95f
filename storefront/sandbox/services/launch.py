"""Become another program that dies with its parent. Run as a file, with the standard library only:

    python -I -S launch.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM [ARGUMENT...]

It stands between fork and exec because both things it does are unsafe or impossible in a
`preexec_fn`: asking the kernel for a signal at the parent's death (Linux only; elsewhere the next
start clears up what was left), and giving up root, after which that request has to be made anew.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(arguments: list[str]) -> None:
    """Drop privileges (UID -1: keep them), bind to the parent, and exec the program."""
    parent, death_signal, uid, gid = (int(value) for value in arguments[:4])
    program = arguments[4:]
    # A shell that starts the demo in the background leaves SIGINT ignored, and so would we.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.umask(0o077)
    if death_signal and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            raise SystemExit(1)
    # Nothing is quoted or expanded: the arguments go to the program as they are.
    os.execvp(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
