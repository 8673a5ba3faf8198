#!/usr/bin/env python3
"""cri.py SOCKET METHOD [JSON]: one call of Kubernetes' container runtime interface (runtime.v1), as kubelet makes it;
the answer as JSON. The messages are written down here as far as the tests use them, by the numbers of api.proto."""
import json
import sys

import grpc

KEY_VALUE = {"key": (1, str), "value": (2, str)}
NAMESPACES = {"network": (1, int), "pid": (2, int), "ipc": (3, int), "target_id": (4, str)}
PROFILE = {"profile_type": (1, int), "localhost_ref": (2, str)}
ID = {"value": (1, int)}
RESOURCES = {
    "cpu_period": (1, int), "cpu_quota": (2, int), "cpu_shares": (3, int), "memory_limit_in_bytes": (4, int),
    "oom_score_adj": (5, int), "cpuset_cpus": (6, str)}
SANDBOX = {
    "metadata": (1, {"name": (1, str), "uid": (2, str), "namespace": (3, str), "attempt": (4, int)}),
    "hostname": (2, str), "log_directory": (3, str),
    "linux": (8, {
        "cgroup_parent": (1, str),
        "security_context": (2, {"namespace_options": (1, NAMESPACES), "privileged": (6, int), "seccomp": (9, PROFILE)}),
        "sysctls": (3, KEY_VALUE)})}
CONTAINER = {
    "metadata": (1, {"name": (1, str), "attempt": (2, int)}), "image": (2, {"image": (1, str), "user_specified_image": (18, str)}),
    "command": (3, str), "args": (4, str), "working_dir": (5, str), "envs": (6, KEY_VALUE),
    "mounts": (7, {"container_path": (1, str), "host_path": (2, str), "readonly": (3, int), "propagation": (5, int)}),
    "log_path": (11, str), "stdin": (12, int), "tty": (14, int),
    "linux": (15, {
        "resources": (1, RESOURCES),
        "security_context": (2, {
            "capabilities": (1, {"add_capabilities": (1, str), "drop_capabilities": (2, str)}), "privileged": (2, int),
            "namespace_options": (3, NAMESPACES), "run_as_user": (5, ID), "readonly_rootfs": (7, int),
            "supplemental_groups": (8, int), "no_new_privs": (11, int), "run_as_group": (12, ID),
            "masked_paths": (13, str), "readonly_paths": (14, str), "seccomp": (15, PROFILE)})})}
POD_ID, CONTAINER_ID = {"pod_sandbox_id": (1, str)}, {"container_id": (1, str)}
METHODS = {
    "Version": ({}, {"version": (1, str), "runtime_name": (2, str), "runtime_version": (3, str)}),
    "RunPodSandbox": ({"config": (1, SANDBOX), "runtime_handler": (2, str)}, POD_ID),
    "StopPodSandbox": (POD_ID, {}),
    "RemovePodSandbox": (POD_ID, {}),
    "PodSandboxStatus": (POD_ID, {"status": (1, {"id": (1, str), "state": (3, int), "network": (5, {"ip": (1, str)})})}),
    "ListPodSandbox": ({}, {"items": (1, {"id": (1, str), "state": (3, int)})}),
    "CreateContainer": ({"pod_sandbox_id": (1, str), "config": (2, CONTAINER), "sandbox_config": (3, SANDBOX)}, CONTAINER_ID),
    "StartContainer": (CONTAINER_ID, {}),
    "StopContainer": (CONTAINER_ID | {"timeout": (2, int)}, {}),
    "RemoveContainer": (CONTAINER_ID, {}),
    "ContainerStatus": (CONTAINER_ID, {"status": (1, {
        "id": (1, str), "state": (3, int), "exit_code": (7, int), "reason": (10, str), "message": (11, str)})}),
    "UpdateContainerResources": (CONTAINER_ID | {"linux": (2, RESOURCES)}, {}),
    "ExecSync": (CONTAINER_ID | {"cmd": (2, str), "timeout": (3, int)},
        {"stdout": (1, str), "stderr": (2, str), "exit_code": (3, int)}),
    "ContainerStats": (CONTAINER_ID, {"stats": (1, {"memory": (3, {"working_set_bytes": (2, ID)})})}),
}


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def encode(message, schema):
    out = b""
    for name, value in message.items():
        number, kind = schema[name]
        if kind is KEY_VALUE and isinstance(value, dict):
            value = [{"key": k, "value": v} for k, v in value.items()]
        for one in value if isinstance(value, list) else [value]:
            if kind is int:
                out += varint(number << 3) + varint(one)
                continue
            data = one.encode() if kind is str else encode(one, kind)
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def take(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return n, at


def decode(data, schema):
    names = {number: (name, kind) for name, (number, kind) in schema.items()}
    out, at = {}, 0
    while at < len(data):
        tag, at = take(data, at)
        name, kind = names.get(tag >> 3, (None, None))
        value, at = take(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
            value = value.decode(errors="replace") if kind is str or not name else decode(value, kind)
        if name in out or name == "items":
            out[name] = (out[name] if isinstance(out.get(name), list) else []) + [value]
        elif name:
            out[name] = value
    return out


def main():
    where, method, message = sys.argv[1], sys.argv[2], json.loads(sys.argv[3] if len(sys.argv) > 3 else "{}")
    asks, answers = METHODS[method]
    with grpc.insecure_channel("unix://" + where) as channel:
        call = channel.unary_unary("/runtime.v1.RuntimeService/" + method)
        try:
            print(json.dumps(decode(call(encode(message, asks), timeout=60), answers)))
        except grpc.RpcError as error:
            sys.exit(f"{method}: {error.code().name}: {error.details()}")


main()
