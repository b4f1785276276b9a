# SPDX-License-Identifier: MIT
"""A seccomp filter like the default of containers: io_uring is not permitted."""

import ctypes
import errno
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_WORD, JUMP_IF_AT_LEAST, JUMP_IF_GREATER, RETURN = 0x20, 0x35, 0x25, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
IO_URING_SETUP, IO_URING_REGISTER = 425, 427  # io_uring_enter is between them, on all architectures

INSTRUCTIONS = [
    (LOAD_WORD, 0, 0, 0),  # the number of the system call
    (JUMP_IF_AT_LEAST, 0, 1, IO_URING_SETUP),
    (JUMP_IF_GREATER, 0, 1, IO_URING_REGISTER),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, FAIL | errno.EPERM),
]


class Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


CODE = b"".join(struct.pack("=HBBI", *instruction) for instruction in INSTRUCTIONS)
PROGRAM = Program(len(INSTRUCTIONS), CODE)
LIBC = ctypes.CDLL(None, use_errno=True)


def forbid_io_uring():
    """For this process, across exec. Allocates nothing, so it is safe after a fork, too."""
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                      (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(PROGRAM), 0, 0)):
        if LIBC.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
