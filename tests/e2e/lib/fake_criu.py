#!/usr/bin/python3
"""A criu that only writes down what it is asked: one line "TYPE FIELD=VALUE ..." a request with options, by the numbers of
criu's rpc.proto, to "asked" beside this file. It says that it can everything, saves nothing, and fails to restore."""
import os
import socket
import sys

DUMP, RESTORE, PRE_DUMP, FEATURES, VERSION = 1, 2, 4, 9, 10
PAGE_SERVER, STRINGS = 11, {10, 13, 14, 44, 51, 53, 63}


def number(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return n, at


def fields(data):
    at, out = 0, []
    while at < len(data):
        tag, at = number(data, at)
        value, at = number(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        out.append((tag >> 3, value))
    return out


def shown(field, value):
    if field in STRINGS:
        return value.decode()
    if field == PAGE_SERVER:
        return ":".join(v.decode() if isinstance(v, bytes) else str(v) for _, v in fields(value))
    return "..." if isinstance(value, bytes) else str(value)


def main():
    sock = socket.socket(fileno=int(sys.argv[2]))
    while data := sock.recv(1 << 20):
        request = dict(fields(data))
        kind = request[1]
        if kind in (DUMP, RESTORE, PRE_DUMP):
            asked = " ".join(f"{k}={shown(k, v)}" for k, v in fields(request[2]))
            with open(os.path.join(os.path.dirname(sys.argv[0]), "asked"), "a") as out:
                out.write(f"{kind} {asked}\n")
        answer = bytes([8, kind, 16, int(kind != RESTORE)])
        if kind == FEATURES:
            answer += bytes([8 << 3 | 2, 4, 8, 1, 16, 1])
        if kind == VERSION:
            answer += bytes([10 << 3 | 2, 4, 8, 4, 16, 0])
        sock.send(answer)


main()
