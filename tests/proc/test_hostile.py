#!/usr/bin/env python3
"""Hostile input: slow clients, garbage on every socket, msgpack bombs. Rows R-14, R-15 and R-16 in their first form."""
import contextlib
import ctypes
import ctypes.util
import os
import random
import re
import select
import socket
import struct
import time

from weir import Weir, check, load, load_result, main, memory_kb, test, ticket, wait_until, with_sandbox

GROWTH_KB = 16 * 1024


def desk(name, **values):
    weir, sandbox = with_sandbox(name, **values)
    return weir.start(), sandbox


def memory(weir):
    return {name: memory_kb(pid) for name, pid in weir.pids().items()}


def check_unchanged(weir, sandbox, before):
    """Same processes, no growth, and a message still goes the whole way."""
    after = memory(weir)
    for name, kb in after.items():
        check(kb - before.get(name, kb) < GROWTH_KB, f"{name} grew from {before[name]} to {kb} KiB")
    restarts = [a["name"] for a in weir.actors() if a["restarts"]]
    check(not restarts, f"nobody died of it: {restarts}")
    status, _, said = weir.post(ticket(time.monotonic_ns()), path="/single")
    check(status == 202, f"work goes on: {status} {said}")
    wait_until(lambda: weir.get(f"/v1/messages/{said['id']}")[2].get("state") == "done", 10, "it is done")


@test
def slow_loris_clients_are_closed_while_honest_ones_are_served():
    weir, sandbox = desk("loris", http="connections: 400, header_ms: 2000, body_ms: 2000, idle_ms: 3000")
    alone = load_result(load(weir.folder, weir.port, "--rate", "300", "--seconds", "3", "--connections", "32",
                             "--prefix", "a", path="/single", name="alone"), 20)
    before = memory(weir)
    slow = []
    for n in range(200):
        s = socket.create_connection(("127.0.0.1", weir.port))
        if n % 2:
            s.sendall(b"POST /single HTTP/1.1\r\nHost: x\r\nX-A: ")
        else:
            s.sendall(b"POST /single HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        s.setblocking(False)
        slow.append(s)
    honest = load(weir.folder, weir.port, "--rate", "300", "--seconds", "4", "--connections", "32", "--prefix", "h",
                  path="/single", name="honest")
    closed, deadline = set(), time.monotonic() + 8
    while len(closed) < len(slow) and time.monotonic() < deadline:
        for s in slow:
            if s in closed:
                continue
            try:
                s.send(b"a")  # a trickle: it must not keep the connection open
                s.recv(4096)  # an answer, or its end
                closed.add(s)
            except BlockingIOError:
                pass
            except OSError:
                closed.add(s)
        select.select([s for s in slow if s not in closed], [], [], 0.2)  # until one is ended, or it trickles again
    result = load_result(honest, 30)
    check(result["accepted"] == 1200 and not result["refused"], f"honest ones are all served: {result}")
    check(len(closed) == 200, f"all trickles are ended: {len(closed)} of 200")
    worse = result["latency_ms"]["p99"] - alone["latency_ms"]["p99"]
    print(f"p99 alone {alone['latency_ms']['p99']} ms, beside 200 slow ones {result['latency_ms']['p99']} ms", flush=True)
    check(worse < 50, f"honest p99 rises by {worse:.1f} ms")
    for s in slow:
        s.close()
    check_unchanged(weir, sandbox, before)
    weir.stop()
    weir.remove()


@test
def bad_http_is_answered_and_the_connection_closed():
    weir, sandbox = desk("http")
    before = memory(weir)
    head = b"POST /single HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    bad = [
        b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50 + b"X",
        head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   ",
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + b"Content-Length: -1\r\n\r\n", head + b"Content-Length: 99999999999999999999\r\n\r\n",
        head + b"Content-Length: 1e3\r\n\r\n", head + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: v\r\n" % n for n in range(5000)) + b"\r\n",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /single HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    ]
    for n, data in enumerate(bad):
        with socket.create_connection(("127.0.0.1", weir.port), timeout=8) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                answer = s.recv(65536)
            except OSError:
                answer = b""
        check(answer == b"" or answer.split(b" ")[1][:1] in (b"4", b"5"), f"case {n}: {answer[:60]!r}")
    check(sandbox.summary()["requests"] == 0, "nothing of it was carried out")
    check_unchanged(weir, sandbox, before)
    weir.stop()
    weir.remove()


@test
def garbage_on_the_ctl_socket_changes_nothing():
    weir, sandbox = desk("ctl")
    before = memory(weir)
    chance = random.Random(7)
    lines = [b"\n", b"{}\n", b"[]\n", b"null\n", b'{"verb":1}\n', b'{"verb":"nothing"}\n', b'{"verb":"show","args":{"id":"x"}}\n',
             b'{"verb":"ls","args":{"most":-5}}\n', b'{"verb":"ls","args":[]}\n', b"[" * 5000 + b"\n", b"\xff\xfe\x00\n",
             b'{"verb":"actors.restart","args":{"name":"../../x"}}\n', b'{"verb":"status","verb":"stop"}\n', b"x" * 300000 + b"\n"]
    lines += [bytes(chance.randrange(256) for _ in range(chance.randrange(2000))) + b"\n" for _ in range(100)]
    for line in lines:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(weir.run / "ctl.sock"))
            try:
                s.sendall(line)
                s.shutdown(socket.SHUT_WR)
                answer = s.recv(65536)
            except OSError:
                answer = b""
        check(answer == b"" or b'"ok":true' not in answer.replace(b" ", b""), f"{line[:40]!r} was taken: {answer[:80]!r}")
    check_unchanged(weir, sandbox, before)
    weir.stop()
    weir.remove()


# ---- ZeroMQ, through the library that Weir itself uses

ZMQ_DEALER, ZMQ_LINGER, ZMQ_SNDTIMEO = 5, 17, 28


@contextlib.contextmanager
def zmq_sent(path, frames):
    """Frames (lists of parts) from a fresh DEALER, which stays for as long as they are being read: what is not read at its
    end is lost."""
    zmq = ctypes.CDLL(ctypes.util.find_library("zmq") or "libzmq.so.5")
    zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = ctypes.c_void_p
    context = ctypes.c_void_p(zmq.zmq_ctx_new())
    s = ctypes.c_void_p(zmq.zmq_socket(context, ZMQ_DEALER))
    for option, value in ((ZMQ_LINGER, 500), (ZMQ_SNDTIMEO, 1000)):
        zmq.zmq_setsockopt(s, option, ctypes.byref(ctypes.c_int(value)), ctypes.c_size_t(4))
    zmq.zmq_connect(s, f"ipc://{path}".encode())
    for parts in frames:
        for n, part in enumerate(parts):
            zmq.zmq_send(s, part, ctypes.c_size_t(len(part)), 2 if n + 1 < len(parts) else 0)
    try:
        yield
    finally:
        zmq.zmq_close(s)
        zmq.zmq_ctx_term(context)


def refused(weir, socket_name):
    """How many frames: the limiter counts them, the supervisor tells them in its log, and of like ones how many."""
    if socket_name == "limiter.sock":
        return weir.metric("weir_frames_refused_total")
    lines = [line for line in weir.program.text().splitlines() if f"frame on {socket_name} " in line]
    return sum(int((re.search(r"repeated (\d+) times", line) or ["", 1])[1]) for line in lines)


def bombs():
    """Frames that claim far more than they hold, in every shape that msgpack has, behind heads of several kinds."""
    claims = [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
              b"\xc9\xff\xff\xff\xff\x01", b"\x91" * 4000, b"\x81\x01" * 4000, b"\xdc\xff\xff" * 100,
              b"\xdd\x7f\xff\xff\xff" * 30, b"\xc1"]
    samples = [p.read_bytes() for p in sorted((ROOT / "tests/golden/frames").glob("**/*")) if p.is_file()][:80]
    heads = {s[:n] for s in samples for n in (4, 8, 16, 20, 24, 28, 32) if len(s) >= n} | {b""}
    return [[h + c] for h in sorted(heads) for c in claims], samples


from weir import ROOT  # noqa: E402  (beside its only use)


@test
def garbage_and_bombs_on_the_zeromq_sockets_change_nothing():
    weir, sandbox = desk("zmq")
    before = memory(weir)
    chance = random.Random(11)
    frames, samples = bombs()
    for s in samples:  # true frames from somebody unknown, and with single bits flipped
        frames.append([s])
        for _ in range(20):
            spoilt = bytearray(s)
            if spoilt:
                spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
            frames.append([bytes(spoilt)])
    frames += [[bytes(chance.randrange(256) for _ in range(chance.randrange(600)))] for _ in range(500)]
    frames += [[b"a", b"b", b"c"], [b""], [b"", b""]]
    sockets = [p for p in weir.run.iterdir() if p.is_socket() and p.name != "ctl.sock"]
    check(len(sockets) >= 2, f"two sockets are expected: {sockets}")
    for path in sockets:
        with zmq_sent(path, frames):
            wait_until(lambda: refused(weir, path.name) > len(frames) / 2, 20, f"most are refused on {path.name}")
        with zmq_sent(path, [[b"x" * (9 << 20)]]):  # more than is let in, which ends the connection
            pass
        with socket.socket(socket.AF_UNIX) as raw:  # not even ZeroMQ's own greeting
            raw.connect(str(path))
            raw.sendall(os.urandom(4096))
    print(f"{len(frames)} frames to each, refused: {[(p.name, refused(weir, p.name)) for p in sockets]}", flush=True)
    check_unchanged(weir, sandbox, before)
    weir.stop()
    weir.remove()


main()
