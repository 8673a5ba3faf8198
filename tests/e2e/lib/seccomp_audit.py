# What the kernel's audit says of seccomp while a command runs.
#
#   seccomp_audit.py COMM LAST COMMAND...
#
# Prints the actions, as the kernel writes them (code=0x50000), that were logged for processes named COMM, one a line,
# until LAST has been there. Exits with 77 where nobody can hear of such: tried with a process of its own.
import ctypes
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

NETLINK_AUDIT = 9
READLOG = 1  # the group AUDIT_NLGRP_READLOG
SECCOMP = 1326  # AUDIT_SECCOMP
RET_LOG = 0x7FFC0000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_NAME, FILTER = 38, 22, 15, 2


def probe():
    """A process all of whose calls are logged."""
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, RET_LOG))
    program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    pid = os.fork()
    if pid == 0:
        libc.prctl(PR_SET_NAME, b"kist-probe", 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0)
        os._exit(0)
    os.waitpid(pid, 0)


def heard(sock, comm, last, seconds):
    """The actions for @comm until @last."""
    out, end = [], time.monotonic() + seconds
    while last not in out and select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
        data = sock.recv(65536)
        text = data[16:].decode(errors="replace")
        if struct.unpack_from("=IH", data)[1] == SECCOMP and f'comm="{comm}"' in text:
            out += re.findall(r"code=(0x[0-9a-f]+)", text)
    return out


comm, last, command = sys.argv[1], sys.argv[2], sys.argv[3:]
try:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
    sock.bind((0, READLOG))
except OSError as e:
    sys.exit(print(e) or 77)
probe()
slow = int(os.environ.get("KIST_SLOW", "1"))
if not heard(sock, "kist-probe", hex(RET_LOG), 5 * slow):
    sys.exit(print("the kernel tells of no action") or 77)
subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print("\n".join(heard(sock, comm, last, 20 * slow)))
