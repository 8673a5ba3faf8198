# A seccomp agent for tests: takes listeners from the runtime and answers for the system calls that they bring.
#
#   seccomp_agent.py SOCKET LOG ERRNO [COUNT [HOLD]]
#
# LOG gets, line by line: the container process state of every connection, "eof" when the runtime has closed it, and
# "call NR" for every notification, which is answered with ERRNO (0: the call goes on). Ends after COUNT connections
# (default 1) and the last listener. With HOLD no answer is given before that file is there, and "gone" is logged where the
# call is by then.
import array
import fcntl
import os
import select
import socket
import struct
import sys
import time

path, log, errno_value = sys.argv[1], open(sys.argv[2], "a", buffering=1), int(sys.argv[3])
count = int(sys.argv[4]) if len(sys.argv) > 4 else 1
hold = sys.argv[5] if len(sys.argv) > 5 else None

NOTIF = struct.Struct("=QIIiIQ6Q")  # seccomp_notif: id, pid, flags, nr, arch, ip, args
RESP = struct.Struct("=QqiI")  # seccomp_notif_resp: id, val, error, flags
RECV = 0xC0000000 | NOTIF.size << 16 | ord("!") << 8 | 0
SEND = 0xC0000000 | RESP.size << 16 | ord("!") << 8 | 1
CONTINUE = 1


def answer(fd):
    buf = bytearray(NOTIF.size)
    fcntl.ioctl(fd, RECV, buf)
    ident, _, _, nr = NOTIF.unpack(buf)[:4]
    log.write(f"call {nr}\n")
    while hold and not os.path.exists(hold):
        time.sleep(0.02)
    resp = RESP.pack(ident, 0, -errno_value, 0 if errno_value else CONTINUE)
    try:
        fcntl.ioctl(fd, SEND, bytearray(resp))
    except FileNotFoundError:
        log.write("gone\n")


def take(sock):
    conn, _ = sock.accept()
    fds = array.array("i")
    text, ancillary, _, _ = conn.recvmsg(1 << 20, socket.CMSG_LEN(16 * fds.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    while more := conn.recv(1 << 16):
        text += more
    log.write(text.decode() + "\n" + f"eof fds={len(fds)}\n")
    return fds[0]


sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sock.bind(path)
sock.listen(4)
poll = select.poll()
poll.register(sock, select.POLLIN)
listeners = set()
while count or listeners:
    for fd, event in poll.poll():
        if fd == sock.fileno():
            listener = take(sock)
            listeners.add(listener)
            poll.register(listener, select.POLLIN)
            count -= 1
            if not count:
                poll.unregister(sock)
        elif event & select.POLLIN:
            answer(fd)
        else:
            poll.unregister(fd)
            listeners.discard(fd)
            os.close(fd)
