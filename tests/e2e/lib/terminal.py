"""terminal.py SCENARIO COMMAND...: runs COMMAND on a terminal of its own and plays a user in front of it.

Prints what the scenario is to find out, one fact a line; the tests compare them.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time


class Session:
    """COMMAND on a pty of 50 columns and 20 rows; its standard output may go elsewhere."""

    def __init__(self, command, stdout=None):
        self.text = b""
        self.command = command
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 50, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave if fd != 1 or stdout is None else stdout, fd)
            os.closerange(3, 100)
            os.execvp(command[0], command)

    def read(self, seconds=0.1):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        chunk = os.read(self.master, 65536)
        self.text += chunk
        return bool(chunk)

    def until(self, words, seconds=20):
        end = time.monotonic() + seconds
        while words not in self.text:
            if time.monotonic() > end:
                sys.exit(f"no {words!r} in {self.text[-300:]!r}")
            self.read()

    def type(self, text):
        os.write(self.master, text)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def finish(self, seconds=30):
        """The exit code; everything that was written has been read."""
        end = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            while self.read(0 if pid else 0.05):
                pass
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                sys.exit(f"did not end: {self.text[-300:]!r}")

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before


def size(s):
    """The program prints "ready", waits for a line, prints its terminal's size; twice."""
    s.until(b"ready")
    print("raw", s.raw())
    s.type(b"go\r")
    s.until(b"20 50")
    s.resize(33, 77)
    os.kill(s.pid, signal.SIGWINCH)
    s.type(b"go\r")
    s.until(b"33 77")
    print("code", s.finish(), "restored", s.restored())


def killed(s):
    """Somebody kills the container once it is ready. COMMAND begins: kist-oci --root FOLDER."""
    s.until(b"ready")
    print("raw", s.raw())
    subprocess.run(s.command[:3] + ["kill", "tt", "KILL"], check=True)
    code = s.finish()
    print("code", code, "restored", s.restored())


def flood(s):
    """The program writes much and ends at once."""
    code = s.finish()
    print("code", code, "bytes", len(s.text), "last", s.text[-5:])


def piped(s):
    """The same, with standard output in a pipe, which is where it is counted."""
    text = b""
    os.close(s.stdout)
    while chunk := os.read(s.pipe, 1 << 20):
        text += chunk
    print("code", s.finish(), "bytes", len(text), "last", text[-5:])


def paste(s):
    """Much is typed at a program that prints much and reads nothing meanwhile."""
    s.until(b"ready")
    sent, data = 0, b"x" * 60 + b"\r"
    os.set_blocking(s.master, False)
    for _ in range(400):
        try:
            sent += os.write(s.master, data)
        except BlockingIOError:
            pass
        try:
            s.text += os.read(s.master, 65536)
        except BlockingIOError:
            pass
    os.set_blocking(s.master, True)
    s.until(b"printed")
    print("code", s.finish())


def interrupt(s):
    """Ctrl-C goes to the program in the container."""
    s.until(b"ready")
    s.type(b"\x03")
    print("code", s.finish(), "restored", s.restored())


def closed(s):
    """Nobody reads standard output: the program is hung up on."""
    print("code", s.finish())


def main():
    name, command = sys.argv[1], sys.argv[2:]
    pipe = stdout = None
    if name in ("closed", "piped"):
        pipe, stdout = os.pipe()
    if name == "closed":
        os.close(pipe)
    session = Session(command, stdout)
    session.pipe, session.stdout = pipe, stdout
    globals()[name](session)


main()
