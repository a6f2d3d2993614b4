#!/usr/bin/env python3
"""Each actor is shut in: what the kernel says of it, what becomes of one that is made to do something else, and a
kernel that cannot. That the lists are long enough every other test shows: a call that is not listed kills here."""
import contextlib
import ctypes
import errno
import json
import os
import platform
import re
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

from weir import ACTORS, BUILD, Sandbox, Weir, check, free_port, main, test, ticket, wait_until

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, WALL = 9, 12, 13, 16, 0x40000000
EXECVE, FORK, SOCKET, CONNECT, SENDTO, RECVFROM, PTRACE, KILL, OPENAT = 59, 57, 41, 42, 44, 45, 101, 62, 257  # x86-64
LANDLOCK_CREATE, PR_SET_SECCOMP, SECCOMP_FILTER, PR_SET_NO_NEW_PRIVS = 444, 22, 2, 38
on_x86_64 = platform.machine() == "x86_64"


def states_of(pid):
    """What the kernel says of each thread."""
    return [dict(re.findall(r"^(\w+):\s+(.*)$", (task / "status").read_text(), re.M))
            for task in Path(f"/proc/{pid}/task").iterdir()]


def has_landlock():
    return libc.syscall(LANDLOCK_CREATE, None, 0, 1) > 0


@test
def every_thread_of_every_actor_is_jailed():
    weir = Weir("jailed", port := free_port())
    Sandbox(weir.folder, port=port)
    weir.start()
    check(weir.post(ticket(1))[0] == 202, "work goes on inside")
    weir.wait_empty(10)
    for actor in weir.actors():
        states = states_of(actor["pid"])
        check(len(states) > 2, f"{actor['name']} has its threads")
        for state in states:
            check(state["Seccomp"] == "2" and state["NoNewPrivs"] == "1", f"{actor['name']}: {state}")
        limits = Path(f"/proc/{actor['pid']}/limits").read_text()
        check(re.search(r"Max core file size\s+0\s+0", limits), f"{actor['name']} may leave a core file")
        check(actor["seccomp"] is True and actor["landlock"] is has_landlock(), f"it is told: {actor}")
    check(sorted(a["actor"] for a in weir.actors()) == sorted(ACTORS), "of all")
    shown = subprocess.run([BUILD / "weirctl", "--socket", weir.run / "ctl.sock", "actors", "ls"], text=True,
                           capture_output=True).stdout
    check(shown.count("seccomp, landlock" if has_landlock() else "seccomp") == 5, f"and shown: {shown}")
    for name in ("weir_process_resident_memory_bytes", "weir_process_open_fds"):
        check(weir.metric(name) > 0, "they still see themselves")
    weir.stop()
    weir.remove()


def answer_all(server, answer):
    with contextlib.suppress(OSError):  # until it is closed
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)
                connection.recv(4096)


@test
def names_and_the_authorities_of_TLS_are_read_from_inside():
    weir = Weir("inside", port := free_port())
    Sandbox(weir.folder, port=port)
    text = weir.config.read_text()
    weir.config.write_text(text.replace("http://127.0.0.1:", "http://localhost:"))
    weir.start()
    check(weir.post(ticket(1))[0] == 202, "accepted")
    weir.wait_empty(10, "localhost is found in /etc/hosts")
    weir.stop()
    # It speaks no TLS; whoever cannot read the authorities' file fails before that is seen.
    with socket.create_server(("127.0.0.1", 0)) as rude:
        threading.Thread(target=answer_all, args=(rude, b"HTTP/1.1 400 no\r\n\r\n"), daemon=True).start()
        weir.config.write_text(text.replace(f"http://127.0.0.1:{port}", f"https://localhost:{rude.getsockname()[1]}"))
        weir.start()
        ident = weir.post(ticket(2))[2]["id"]
        reason = wait_until(lambda: weir.ctl("show", id=ident).get("reason"), 10, "the call fails")
        check("wrong version number" in reason, f"the reason is {reason}")
        weir.stop()
    weir.remove()


class Registers(ctypes.Structure):
    names = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss".split()
    _fields_ = [(name, ctypes.c_ulong) for name in names + [f"segment{n}" for n in range(6)]]


class Hijacked:
    """A process that makes the system calls that we want, as an attacker inside it would. It waits in one: that
    instruction is run again, with other registers. Nothing of it can go on afterwards."""

    def __init__(self, pid):
        self.pid, self.ended = pid, None
        check(libc.ptrace(PTRACE_ATTACH, pid, None, None) == 0, f"attach: {os.strerror(ctypes.get_errno())}")
        os.waitpid(pid, WALL)
        self.registers = Registers()
        check(libc.ptrace(PTRACE_GETREGS, pid, None, ctypes.byref(self.registers)) == 0, "its registers")
        self.room = self.registers.rsp - 65536

    def write(self, data):
        """Where in its stack these bytes are now."""
        with open(f"/proc/{self.pid}/mem", "r+b", 0) as memory:
            memory.seek(self.room)
            memory.write(data)
        return self.room

    def read(self, length):
        with open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            memory.seek(self.room)
            return memory.read(length)

    def call(self, number, *arguments):
        """What the call gives; None: it was the end of the process, by the signal `ended`."""
        r = Registers.from_buffer_copy(self.registers)
        r.rip -= 2
        r.orig_rax, r.rax = ctypes.c_ulong(-1).value, number
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments + (0,) * 6):
            setattr(r, name, value)
        check(libc.ptrace(PTRACE_SETREGS, self.pid, None, ctypes.byref(r)) == 0, "other registers")
        check(libc.ptrace(PTRACE_SINGLESTEP, self.pid, None, None) == 0, "one instruction")
        _, status = os.waitpid(self.pid, WALL)
        if os.WIFSIGNALED(status):
            self.ended = os.WTERMSIG(status)
            return None
        check(libc.ptrace(PTRACE_GETREGS, self.pid, None, ctypes.byref(r)) == 0, "the result")
        return ctypes.c_long(r.rax).value


@test
def an_actor_that_is_made_to_do_something_else_ends_at_once():
    if not on_x86_64 or os.geteuid() != 0:
        print("skip an_actor_that_is_made_to_do_something_else_ends_at_once: needs root and x86-64")
        return
    weir = Weir("hijacked", supervisor="failed_retry_ms: 100").start()
    for kind in ACTORS:
        calls = {"execve": (EXECVE,), "fork": (FORK,), "ptrace": (PTRACE,), "kill": (KILL, 1)}
        if kind != "responder":
            calls["socket"] = (SOCKET, 2, 1)
        for name, call in calls.items():
            pid = wait_until(lambda: next((a["pid"] for a in weir.actors() if a["actor"] == kind
                                           and a["state"] == "ready"), None), 10, f"{kind} is ready")
            it = Hijacked(pid)
            gave = it.call(*call)
            check(it.ended == signal.SIGSYS, f"{kind}, {name}: it gave {gave}, ended by {it.ended}; SIGSYS is expected")
    weir.wait_ready()
    check("exit (signal 31)" in weir.program.text(), "the log says by which signal it ended")
    weir.stop()
    weir.remove()


@test
def no_actor_opens_a_private_key_though_it_may_read_the_file():
    if not on_x86_64 or os.geteuid() != 0 or not has_landlock():
        print("skip no_actor_opens_a_private_key_though_it_may_read_the_file: needs root, x86-64 and Landlock")
        return
    weir = Weir("keys", supervisor="failed_retry_ms: 100")
    keys = weir.folder / "tls"
    keys.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9",
                    "-subj", "/CN=localhost", "-keyout", keys / "key.pem", "-out", keys / "chain.pem"], check=True, capture_output=True)
    text = weir.config.read_text()
    weir.config.write_text(text.replace("http: {", f'http: {{listen_tls: ["127.0.0.1:0"], tls: {{certificate: {keys}/chain.pem, '
                                        f'key: {keys}/key.pem}}, ', 1))
    check(weir.config.read_text() != text, "the door has a certificate")
    weir.start()
    for kind in ACTORS:
        it = Hijacked(weir.pid(kind))
        for path in (keys / "key.pem", Path("/etc/ssl"), Path("/etc/ssl/private")):
            gave = it.call(OPENAT, -100 & 0xFFFFFFFFFFFFFFFF, it.write(bytes(path) + b"\0"), 0)
            check(gave in (-errno.EACCES, -errno.ENOENT) and (gave == -errno.EACCES or not path.exists()), f"{kind} opens {path}: {gave}")
        authorities = it.call(OPENAT, -100 & 0xFFFFFFFFFFFFFFFF, it.write(b"/etc/ssl/certs\0"), 0)
        check((authorities >= 0) == (kind == "responder"), f"{kind} opens /etc/ssl/certs: {authorities}")
        os.kill(it.pid, signal.SIGKILL)
        os.waitpid(it.pid, WALL)
    weir.wait_ready()
    weir.stop()
    weir.remove()


@test
def an_actor_may_not_ask_what_people_may():
    if not on_x86_64 or os.geteuid() != 0:
        print("skip an_actor_may_not_ask_what_people_may: needs root and x86-64")
        return
    weir = Weir("asks").start()
    it = Hijacked(weir.pid("classifier"))
    fd = it.call(SOCKET, socket.AF_UNIX, socket.SOCK_STREAM, 0)
    address = struct.pack("H108s", socket.AF_UNIX, str(weir.run / "ctl.sock").encode())
    check(it.call(CONNECT, fd, it.write(address), len(address)) == 0, "it is of the same user, and may connect")
    line = b'{"verb": "stop", "args": {}}\n'
    check(it.call(SENDTO, fd, it.write(line), len(line)) == len(line), "asks")
    said = it.read(max(0, it.call(RECVFROM, fd, it.room, 4096)))
    check(json.loads(said)["status"] == 403, f"is refused: {said}")
    check("on ctl.sock: was it taken over?" in weir.program.text(), "and the log says so")
    os.kill(it.pid, signal.SIGKILL)
    os.waitpid(it.pid, WALL)
    weir.wait_ready()
    check(weir.program.end() == 0, "only we stop it")
    weir.remove()


@test
def without_a_jail_they_are_as_they_were():
    weir = Weir("unjailed", supervisor="jail: off").start()
    for actor in weir.actors():
        check(all(state["Seccomp"] == "0" for state in states_of(actor["pid"])), f"{actor['name']} is jailed")
        check(actor["seccomp"] is False and actor["landlock"] is False, f"it is told: {actor}")
    weir.stop()
    weir.remove()


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(Instruction))]


def poor_kernel():
    """From here on there is neither Landlock nor seccomp, as in some containers."""
    load, jump, give = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
    number, first_argument = 0, 16
    enosys, eperm, allow = 0x50000 | 38, 0x50000 | 1, 0x7FFF0000
    seccomp, prctl = (317, 157) if on_x86_64 else (277, 167)
    program = [(load, 0, 0, number), (jump, 0, 1, LANDLOCK_CREATE), (give, 0, 0, enosys),
               (jump, 0, 1, seccomp), (give, 0, 0, eperm), (jump, 0, 3, prctl),
               (load, 0, 0, first_argument), (jump, 0, 1, PR_SET_SECCOMP), (give, 0, 0, eperm), (give, 0, 0, allow)]
    array = (Instruction * len(program))(*[Instruction(*line) for line in program])
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_FILTER, ctypes.byref(Filter(len(program), array)), 0, 0) != 0:
        os._exit(99)


@test
def a_kernel_that_cannot_is_said_once_and_work_goes_on():
    weir = Weir("poor", level="info").start(preexec_fn=poor_kernel)
    for kind in ACTORS:
        for what in ("no files from it by Landlock", "no system calls from it by seccomp"):
            lines = [l for l in weir.program.text().splitlines() if f" {kind}: " in l and what in l]
            check(len(lines) == 1, f"{kind} says once that the kernel keeps {what}: {lines}")
    check(all(a["seccomp"] is False and a["landlock"] is False for a in weir.actors()), "weirctl says so")
    weir.stop()
    weir.remove()


@test
def where_a_jail_is_required_a_kernel_that_cannot_is_refused():
    weir = Weir("strict", supervisor="jail: required")
    if has_landlock():
        weir.start()
        weir.stop()
    weir.start(ready=False, preexec_fn=poor_kernel)
    wait_until(lambda: not weir.program.alive(), 15, "the start is given up")
    text = weir.program.text()
    check(weir.program.end() == 78, f"it ended with {weir.program.process.returncode}")
    check("it cannot be confined: supervisor.jail is required, and" in text, f"it says why: {text[-400:]}")
    weir.remove()


@test
def each_kind_of_jail_holds_without_sanitizers():
    done = subprocess.run([BUILD / "tests/test_jail"], capture_output=True, text=True)
    check(done.returncode == 0, f"{done.stdout}{done.stderr}"[-600:])


main()
