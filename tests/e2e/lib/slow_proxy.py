#!/usr/bin/env python3
"""A slow line to a registry, for tests: forwards --listen to --to, answers at --rate bytes a second in all, and writes each
request's line, with its Range, to --log. While there is a file --creep, a connection that has passed as many bytes as it
says creeps on: a test's next step comes before the end, however slow the machine."""
import argparse
import socket
import threading
import time

p = argparse.ArgumentParser()
p.add_argument("--listen", type=int, required=True)
p.add_argument("--to", type=int, required=True)
p.add_argument("--rate", type=int, required=True)
p.add_argument("--log", required=True)
p.add_argument("--creep", default="")
a = p.parse_args()
lock = threading.Lock()


def note(head):
    lines = head.decode("latin1").split("\r\n")
    ranges = [x for x in lines if x.lower().startswith("range:")]
    with lock, open(a.log, "a", encoding="utf-8") as f:
        f.write(" ".join([lines[0]] + ranges) + "\n")


def up(c, s):
    seen = b""
    try:
        while data := c.recv(65536):
            seen += data
            while b"\r\n\r\n" in seen:
                head, seen = seen.split(b"\r\n\r\n", 1)
                note(head)
            s.sendall(data)
    except OSError:
        pass
    s.close()


def creeps(passed):
    try:
        with open(a.creep, encoding="utf-8") as f:
            return passed >= int(f.read())
    except FileNotFoundError:
        return False


def down(c, s):
    piece = max(1024, a.rate // 50)
    passed = 0
    try:
        while data := s.recv(piece):
            while creeps(passed) and data:
                c.sendall(data[:16])
                data = data[16:]
                passed += 16
                time.sleep(0.1)
            with lock:
                time.sleep(len(data) / a.rate)
            c.sendall(data)
            passed += len(data)
    except OSError:
        pass
    c.close()


server = socket.create_server(("127.0.0.1", a.listen))
while True:
    client, _ = server.accept()
    up_to = socket.create_connection(("127.0.0.1", a.to))
    threading.Thread(target=up, args=(client, up_to), daemon=True).start()
    threading.Thread(target=down, args=(client, up_to), daemon=True).start()
