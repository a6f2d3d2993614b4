#!/usr/bin/env python3
"""The door as programs outside see it: TLS with certificates made here, API keys, orders to /admin."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

from weir import Weir, check, free_port, main, request, test, wait_until

CONFIG = """
http: {{listen: ["127.0.0.1:{port}"], {http}}}
store: {{reserve_mb: 1, low_mb: 4}}
log: {{journal: false}}
supervisor: {{restart_min_ms: 20, drain_ms: 500, hang_ms: 0}}
api_keys:
  shop: {{secret: shop, scopes: [submit:shop, read]}}
  ops: {{secret: ops, scopes: [admin]}}
  phones: {{secret: phones, scopes: [leases:calls]}}
sources:
  shop: {{auth: api-key}}
  here: {{auth: none-on-loopback}}
limits: {{calls: {{slots: 2}}}}
routes:
  orders: {{path: /orders, source: shop, steps: [{{name: sort, classify: {{rules: [], otherwise: done}}}}]}}
  here: {{path: /here, source: here, steps: [{{name: sort, classify: {{rules: [], otherwise: done}}}}]}}
"""
KEYS = {"shop": "k-shop", "ops": "k-ops", "phones": "k-phones"}


def openssl(*words):
    run = subprocess.run(["openssl", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    check(run.returncode == 0, f"openssl {words[0]}: {run.stderr.decode()[-300:]}")


def make_certificate(folder, name="door", days=90):
    """A new certificate for 127.0.0.1 that signs itself, and its key; their files keep their names."""
    folder.mkdir(mode=0o700, exist_ok=True)
    chain, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", days, "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", chain)
    key.chmod(0o600)
    chain.chmod(0o644)
    return chain, key


def weir_with(name, http="connections: 64"):
    weir = Weir(name, config=CONFIG, http=http)
    for key, text in KEYS.items():
        weir.secret(key, text)
    return weir


def weir_with_tls(name, more="", days=90):
    weir = weir_with(name)
    chain, key = make_certificate(weir.folder / "tls", days=days)
    weir.tls_port = free_port()
    text = weir.config.read_text().replace("connections: 64", f'connections: 64, {more} listen_tls: ["127.0.0.1:{weir.tls_port}"], '
                                           f'tls: {{certificate: {chain}, key: {key}}}')
    weir.config.write_text(text)
    weir.chain = chain
    return weir.start()


def bearer(key):
    return {"Authorization": f"Bearer {KEYS[key]}"}


def curl(weir, path, *options):
    """(status, protocol line, body) through TLS, the certificate being believed."""
    run = subprocess.run(["curl", "-sS", "-i", "--max-time", "20", "--cacert", weir.chain, *options,
                          f"https://127.0.0.1:{weir.tls_port}{path}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(run.returncode == 0, f"curl: {run.stderr.decode()}")
    head, _, body = run.stdout.decode().partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def s_client(weir, *options):
    run = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{weir.tls_port}", "-CAfile", str(weir.chain), *options],
                         input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    return run.stdout.decode(errors="replace")


def serial_of(port):
    return ssl.get_server_certificate(("127.0.0.1", port))


# ---- TLS

@test
def a_message_comes_through_tls_and_plain_http_does_not():
    weir = weir_with_tls("tls")
    status, head, body = curl(weir, "/orders", "-H", "Content-Type: application/json", "-H", f"X-Api-Key: {KEYS['shop']}", "-d", "{}")
    check(status == 202, f"202 is expected, not {head}")
    status, _, body = curl(weir, "/v1/messages/" + json.loads(body)["id"], "-H", f"Authorization: Bearer {KEYS['shop']}")
    check(status == 200 and json.loads(body)["route"] == "orders", "the message is shown")
    large = weir.folder / "large.json"
    large.write_text(json.dumps({"text": "x" * 900000}))
    status, _, _ = curl(weir, "/orders", "-H", "Content-Type: application/json", "-H", f"X-Api-Key: {KEYS['shop']}", "-d", f"@{large}")
    check(status == 202, "a large body comes whole")
    with socket.create_connection(("127.0.0.1", weir.tls_port), 10) as s:
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        s.settimeout(10)
        try:
            said = s.recv(4096)
        except ConnectionResetError:
            said = b""
        check(b"200 OK" not in said, "no answer without TLS")
    check(weir.get("/livez")[0] == 200, "the plain address is plain")
    weir.stop()
    weir.remove()


@test
def only_tls_1_2_and_1_3_with_http_1_1():
    weir = weir_with_tls("tls-versions")
    for version, wanted in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        said = s_client(weir, version, "-alpn", "h2,http/1.1")
        check(f"Protocol  : {wanted}" in said or f"New, {wanted}" in said, f"{wanted} is spoken: {said[-400:]}")
        check("ALPN protocol: http/1.1" in said, "http/1.1 is agreed on")
        check("Verify return code: 0" in said or "Verification: OK" in said, "the certificate is believed")
    for old in ("-tls1", "-tls1_1"):
        said = s_client(weir, old, "-cipher", "DEFAULT@SECLEVEL=0")
        check("Cipher is (NONE)" in said or "Cipher    : 0000" in said, f"{old} is refused: {said[-300:]}")
    for weak in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "NULL", "aNULL"):
        said = s_client(weir, "-tls1_2", "-cipher", f"{weak}@SECLEVEL=0")
        check("Cipher is (NONE)" in said or "Cipher    : 0000" in said, f"{weak} is refused")
    weir.stop()
    weir.remove()


@test
def who_stalls_a_handshake_keeps_nobody_from_the_door():
    weir = weir_with_tls("tls-stall", more="header_ms: 1500, reserved_connections: 8, ")
    stalled = [socket.create_connection(("127.0.0.1", weir.tls_port), 10) for _ in range(30)]
    for n, s in enumerate(stalled):
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00"[: 1 + n % 7])  # the beginning of a hello, no more
    began = time.monotonic()
    check(curl(weir, "/livez")[0] == 200, "others are served meanwhile")
    for s in stalled:
        s.settimeout(20)
        try:
            while s.recv(4096):
                pass
        except ConnectionResetError:
            pass
        s.close()
    check(time.monotonic() - began < 15, "each was cut at its deadline, not kept")
    wait_until(lambda: weir.metric("weir_ingress_timeouts_total") >= 25, 10, "the cuts are counted")
    context = ssl.create_default_context(cafile=str(weir.chain))
    with context.wrap_socket(socket.create_connection(("127.0.0.1", weir.tls_port), 20), server_hostname="127.0.0.1") as s:
        s.sendall(b"GET /livez HTTP/1.1\r\nHost:")  # the handshake is whole, the head never
        said = b""
        while more := s.recv(4096):
            said += more
        check(said == b"" or b" 408 " in said, f"it is cut, not served: {said[:60]}")
    weir.stop()
    weir.remove()


@test
def a_kept_connection_serves_many_and_a_slow_one_is_told():
    weir = weir_with_tls("tls-kept", more="body_ms: 1000, ")
    context = ssl.create_default_context(cafile=str(weir.chain))
    with context.wrap_socket(socket.create_connection(("127.0.0.1", weir.tls_port), 20), server_hostname="127.0.0.1") as s:
        for _ in range(50):
            s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            said = b""
            while b"pass" not in said:
                more = s.recv(4096)
                check(more, "the connection is kept")
                said += more
        s.sendall(b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        said = b""
        while more := s.recv(4096):
            said += more
        check(b" 408 " in said, f"a body that does not come is answered 408, not {said[:80]}")
    weir.stop()
    weir.remove()


@test
def a_renewed_certificate_counts_after_a_reload():
    weir = weir_with_tls("tls-renew", days=10)
    first = serial_of(weir.tls_port)
    wait_until(lambda: 9 * 86400 < weir.metric("weir_tls_certificate_expiry_seconds") <= 10 * 86400, 10, "its end is told")
    check("the certificate of the door ends in" in weir.program.text(), "the log warns of an end within 14 days")
    make_certificate(weir.folder / "tls", days=400)
    check(serial_of(weir.tls_port) == first, "the old one is shown until the reload")
    said = weir.ctl("reload")
    check(said["ok"], f"it is reloaded: {said}")
    wait_until(lambda: serial_of(weir.tls_port) != first, 20, "the new one is shown")
    wait_until(lambda: weir.metric("weir_tls_certificate_expiry_seconds") > 399 * 86400, 20, "and its end told")
    weir.stop()
    weir.remove()


@test
def a_door_that_could_not_shake_hands_does_not_open():
    weir = weir_with("tls-bad")
    chain, key = make_certificate(weir.folder / "tls")
    _, other = make_certificate(weir.folder / "tls", "other")
    good = weir.config.read_text()

    def refused(certificate, private, part):
        weir.config.write_text(good.replace("connections: 64", f'listen_tls: ["127.0.0.1:0"], tls: {{certificate: {certificate}, key: {private}}}'))
        weir.start(ready=False)
        status = weir.program.end(0, 20)
        check(status == 78 and part in weir.program.text(), f"78 and \"{part}\" are expected: {status}, {weir.program.text()[-400:]}")

    refused(chain, other, "is not the private key")
    refused(key, key, "has no certificate")
    refused(chain, weir.folder / "tls/nothing", "is not there")
    key.chmod(0o644)
    refused(chain, key, "is open to everybody on this host")
    weir.remove()


# ---- proxies

@test
def who_comes_through_a_proxy_is_not_on_this_host():
    through = {"X-Forwarded-For": "198.51.100.9"}
    weir = weir_with("proxy-unknown").start()
    check(weir.post({}, "/here")[0] == 202, "who is here may send")
    for name, value in {**through, "Forwarded": "for=127.0.0.1", "Via": "1.1 x", "X-Real-IP": "127.0.0.1"}.items():
        check(weir.post({"n": name}, "/here", {name: value})[0] == 401, f"not with {name}")
    weir.stop()
    weir.remove()
    weir = weir_with("proxy-known", "connections: 64, trusted_proxies: [127.0.0.1, 10.0.0.0/8]")
    weir.start()
    for headers in ({}, through, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1, 10.0.0.1"}):
        check(weir.post({}, "/here", headers)[0] == 401, f"not with {headers}")
    check(request(weir.port, "POST", "/orders", {}, {**bearer("shop"), **through})[0] == 202, "with a key it may")
    weir.stop()
    weir.remove()


def half_a_message(port, client):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(f"POST /orders HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\nContent-Length: 10\r\n\r\n{{".encode())
    return s


@test
def behind_a_proxy_each_client_has_its_own_bound():
    weir = weir_with("proxy-bound", "connections: 64, connections_per_client: 3, trusted_proxies: [127.0.0.1]")
    weir.start()
    held = [half_a_message(weir.port, "198.51.100.9") for _ in range(3)]
    held += [half_a_message(weir.port, f"198.51.100.{n}") for n in range(10, 30)]  # the proxy itself has no bound

    def ask(client):
        return request(weir.port, "GET", "/livez", None, {"X-Forwarded-For": client})[0]

    wait_until(lambda: ask("198.51.100.9") == 503, 10, "a fourth request of one client is refused")
    check(ask("198.51.100.10") == 200, "others are served")
    for s in held:
        s.close()
    wait_until(lambda: ask("198.51.100.9") == 200, 10, "and it again, when its requests have ended")
    weir.stop()
    weir.remove()


# ---- keys and orders

@test
def orders_to_admin_are_carried_out_and_journaled():
    weir = weir_with("admin").start()

    def admin(method, path, body=None, key="ops"):
        return request(weir.port, method, path, body, bearer(key) if key else None)

    status, _, said = admin("GET", "/admin/draining")
    check(status == 200 and said["mode"] == "normal", f"the mode is told: {status} {said}")
    check(admin("PUT", "/admin/draining", {"draining": True}, key=None)[0] == 401, "a key is needed, also on this host")
    check(admin("PUT", "/admin/draining", {"draining": True}, key="shop")[0] == 403, "and the right one")
    status, _, said = admin("PUT", "/admin/draining", {"draining": True, "why": "deploy 7"})
    check(status == 200 and said["mode"] == "draining", f"it drains: {status} {said}")
    check(said["who"] == "key:ops" and said["why"] == "deploy 7", f"and says who and why: {said}")
    status, fields, said = request(weir.port, "POST", "/orders", {}, bearer("shop"))
    check(status == 503 and said["title"] == "System draining" and "retry-after" in fields, f"what is new is refused: {said}")
    check(admin("PUT", "/admin/draining", {"mode": "sleeping"})[0] == 422, "no such mode")
    check(admin("POST", "/admin/draining", {"draining": False})[2]["mode"] == "normal", "and back")
    check(request(weir.port, "POST", "/orders", {}, bearer("shop"))[0] == 202, "messages are taken again")
    status, _, said = admin("GET", "/admin/limits")
    check(status == 200 and [l["name"] for l in said["limits"] if l["name"] == "calls"], f"limits are told: {said}")
    text = weir.program.text()
    check(re.search(r"drain .*deploy 7.* by key:ops", text), "the order is in the journal")
    check(not any(secret in text for secret in KEYS.values()), "and no key")
    weir.stop()
    weir.remove()


@test
def an_order_with_a_word_that_is_not_known_changes_nothing():
    weir = weir_with("admin-words").start()
    calls = lambda: next(l["slots"] for l in weir.ctl("limits.ls", name="calls")["limits"])
    before = calls()
    for order, says in (({"slots": 77, "why": "x", "vlaue": "acme"}, "no argument \"vlaue\""), ({"slots": 77, "why": "x", "who": "root"}, "\"who\""),
                        ({"slots": "77", "why": "x"}, "\"slots\" must be"), ({"slots": 77}, "\"why\" must be"), ({"slots": 77, "why": 5}, "\"why\" must be")):
        status, _, said = request(weir.port, "PUT", "/admin/limits", {"name": "calls", **order}, bearer("ops"))
        check(status == 422 and says in said["detail"], f"{order}: {status} {said}")
    status, _, said = request(weir.port, "PUT", "/admin/limits/pin", {"name": "calls", "slots": 77, "why": "x"}, bearer("ops"))
    check(status == 422 and calls() == before, f"pin sets no slots: {status} {said}")
    weir.stop()
    weir.remove()


@test
def an_order_while_the_drainer_is_away_is_refused_in_time():
    weir = weir_with("admin-away").start()
    weir.kill("drainer")
    status = request(weir.port, "PUT", "/admin/draining", {"draining": True}, bearer("ops"))[0]
    check(status in (200, 503), f"either it was back already or it says so, not {status}")
    wait_until(lambda: request(weir.port, "PUT", "/admin/draining", {"draining": False}, bearer("ops"))[0] == 200, 10, "it is back")
    weir.stop()
    weir.remove()


# ---- leases

def lease(weir, method, path, body=None, key="phones"):
    return request(weir.port, method, "/v1/leases" + path, body, bearer(key))


@test
def a_lease_is_taken_once_however_often_it_is_asked_for():
    weir = weir_with("leases").start()
    status, fields, first = lease(weir, "POST", "", {"id": "call/1", "limits": ["calls"], "holder": "dialer"})
    check(status == 201 and fields["location"] == "/v1/leases/call%2F1", f"it is granted: {status} {fields}")
    for _ in range(3):
        status, _, again = lease(weir, "POST", "", {"id": "call/1", "limits": ["calls"]})
        check(status == 200 and again["fence"] == first["fence"], "the same again")
    weir.kill("ingress")
    wait_until(lambda: lease(weir, "GET", "/call%2F1")[2].get("fence") == first["fence"], 10, "another ingress knows it")
    weir.kill("limiter")
    wait_until(lambda: lease(weir, "GET", "/call%2F1")[2].get("fence") == first["fence"], 10, "and another limiter")
    check(lease(weir, "POST", "", {"id": "call/2", "limits": ["calls"]})[0] == 201, "there are two slots")
    status, fields, said = lease(weir, "POST", "", {"id": "call/3", "limits": ["calls"]})
    check(status == 429 and said["code"] == "rate_limit_exceeded" and "retry-after" in fields, f"and no third: {said}")
    check(lease(weir, "PUT", "/call%2F1", {"ttl_s": 60})[0] == 200, "it is renewed")
    check([lease(weir, "DELETE", "/call%2F1")[0] for _ in range(2)] == [204, 204], "and released, twice")
    check(lease(weir, "POST", "", {"id": "call/3", "limits": ["calls"]})[0] == 201, "so there is a slot")
    check(lease(weir, "DELETE", "/call%2F3", key="shop")[0] == 403, "others' keys may not")
    said = lease(weir, "POST", "", {"leases": [{"order": "release", "id": f"call/{n}"} for n in (2, 3)] +
                                    [{"id": f"b{n}", "limits": ["calls"]} for n in range(3)]})[2]["leases"]
    check([one["status"] for one in said] == [204, 204, 201, 201, 429], f"a batch in its order: {said}")
    weir.stop()
    weir.remove()


@test
def with_the_limiter_frozen_every_answer_comes_and_none_is_a_limit():
    weir = weir_with("leases-frozen").start()
    pid = weir.kill("limiter", signal.SIGSTOP)
    asked = {"a lease": lambda: lease(weir, "POST", "", {"id": "c", "limits": ["calls"]}),
             "a message": lambda: request(weir.port, "GET", "/v1/messages/01HF7YAT00041061050R3GG28A"),
             "an order": lambda: request(weir.port, "GET", "/admin/limits", None, bearer("ops")),
             "a submission": lambda: request(weir.port, "POST", "/orders", {}, bearer("shop"))}
    for what, ask in asked.items():
        status, fields, said = ask()
        check(status == 503 and "retry-after" in fields, f"{what}: {status} {said}")
    check(weir.get("/livez")[0] == 200, "and it lives")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: lease(weir, "POST", "", {"id": "c", "limits": ["calls"]})[0] in (200, 201), 15, "it is granted afterwards")
    check(wait_until(lambda: lease(weir, "GET", "/c")[2], 5, "it is there")["limits"][0]["in_use"] == 1, "once")
    weir.stop()
    weir.remove()


@test
def what_was_granted_while_the_limiter_was_away_is_registered():
    weir = weir_with("leases-alone")
    weir.config.write_text(weir.config.read_text().replace("calls: {slots: 2}", "calls: {slots: 2, guard: 3, provisional: true}")
                           .replace("restart_min_ms: 20", "restart_min_ms: 3000, restart_max_ms: 4000"))
    weir.start()
    weir.kill("limiter")
    answers = [lease(weir, "POST", "", {"id": f"call-{n}", "limits": ["calls"]}) for n in range(4)]
    check([a[0] for a in answers] == [201, 201, 201, 429], f"as many as the guard: {[a[0] for a in answers]}")
    check(all(a[2]["provisional"] for a in answers[:3]), "and they say so")
    check(answers[3][2]["refused_by"] == "guard", "the fourth is refused by the guard")
    wait_until(lambda: weir.metric('weir_provisional_leases_total{outcome="registered"') >= 0 and
               all("fence" in lease(weir, "GET", f"/call-{n}")[2] for n in range(3)), 30, "all three are registered, above the cap")
    check(lease(weir, "GET", "/call-0")[2]["limits"][0]["in_use"] == 3, "and counted")
    weir.stop()
    weir.remove()


main()
