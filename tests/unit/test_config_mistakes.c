#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/config_said.h"

/* A limit, and a step that takes so much of it. */
#define COST(limit, cost)                                                                          \
    "limits: {l: {" limit "}}\n" ROUTE("      - {name: a, limits: [l], costs: {l: " cost           \
                                       "}, call: {downstream: d, path: /p}}")

/* ---- what is wrong: the place, what, and what to do ---- */

static const struct {
    const char *yaml, *said;
} wrong[] = {
    {"http:\n  conections: 5",
     "f.yaml:2:3: no key is called conections here; did you mean connections?"},
    {"total_ms: 5",
     "f.yaml:1:1: no key is called total_ms here; it belongs to downstreams.*.total_ms"},
    {"wholly_unknown: 5", "no key is called wholly_unknown here; weir.yaml(5) lists"},
    {"http:\n  idle_ms: 1\n",
     "f.yaml:2:12: idle_ms: 1 is not a whole number from 100 to 3600000 ms"},
    {"http: {idle_ms: 5s}",
     "ms: 5s is not a whole number from 100 to 3600000 ms; write the number alone"},
    {"queue: {bytes_max: 4GB}", "bytes; write KiB, MiB or GiB behind it, or nothing"},
    {"modes: {rules: [{signal: depth, enter: 5, leave: 5, does: refuse}]}",
     "f.yaml:1:50: leave (5) must be less than enter (5)"},
    {"modes: {rules: [{signal: disk_free_mb, enter: 5, leave: 4, does: refuse}]}",
     "leave (4) must be more than enter (5): it is where all is calm again"},
    {"modes: {rules: [{signal: depht, enter: 5, leave: 4, does: refuse}]}",
     "; did you mean depth?"},
    {"modes: {rules: [{signal: depth, enter: 5, leave: 4, does: sleep}]}",
     "is not one of degraded, slow_down, refuse"},
    {"modes: {rules: [{signal: depth, of: x, enter: 5, leave: 4, does: refuse}]}",
     "depth is one number for all of Weir; leave of out"},
    {"modes: {rules: [{signal: latency_ms, of: desc, enter: 5, leave: 4, does: refuse}]}\n"
     "downstreams: {desk: {url: 'http://h'}}",
     "no downstream is called desc; did you mean desk?"},
    {"modes: {rules: [{signal: slots_percent, of: a, enter: 5, leave: 4, does: refuse}]}\n"
     "limits: {a: {rate: {count: 1}}}",
     "limit a has no slots"},
    {"actors: {ingress: 1.5}", "1 to 16; write the number alone"},
    {"log: {journal: 'true'}", "neither true nor false; write one of them, without quotes"},
    {"log: {level: dbug}", "; did you mean debug?"},
    {"sources: {s: {auth: standard_webhooks, secret: x}}", "; did you mean standard-webhooks?"},
    {"state_dir: a", "state_dir: a is too short; it may have 2 to 255 bytes"},
    {"http: {api_token: -x}", "starting with a letter or digit"},
    {"state_dir: /a/${NAME", "$${ stands for ${"},
    {"sources: {s: {}, t: }", "f.yaml:1:18: t has no keys; write them below it"},
    {"http: {listen: {a: 1}}", "listen must be a list of texts"},
    {"routes: {r: {steps: {a: 1}}}", "steps must be a list of items, each with keys; begin each"},
    {"sources: [s]", "sources must be a table of names, each with keys; write them below it"},
    {"sources: {s: 5}", "here must be a table of keys, not a single value"},
    {ROUTE("      - {name: a, when: {/id: '${/key}'}, classify: {otherwise: o}}"),
     "f.yaml:8:31: when: ${/key} has a place ${...} that means nothing here"},
    {"downstreams: {desk: {url: 'http://h'}}\nsources: {s: {auth: none-on-loopback}}\n"
     "routes: {r: {path: /r, source: t, steps: [{name: a, call: {downstream: desc, path: /p}}]}}",
     "no downstream is called desc; did you mean desk?"},
    {"http: {idle_ms: -1}", "-1 is not a whole number"},
    {"http: {idle_ms: 99999999999999999999999}", "is not a whole number"},
    {"queue: {bytes_max: 99999999999GiB}", "is not a whole number"},
    {"http: {idle_ms: [1]}", "idle_ms must be a whole number"},
    {"http: 5", "f.yaml:1:7: http must be a section of keys"},
    {"[1, 2]", "the file must be a table of keys"},
    {"log: {journal: maybe}", "journal: maybe is neither true nor false"},
    {"log: {level: loud}", "level: loud is not one of error, warning, notice, info, debug"},
    {"http: {listen: [localhost:80]}", "localhost:80 is not an address and port"},
    {"http: {listen: ['[::1]:99999']}", "is not an address and port"},
    {"http: {listen_tls: ['127.0.0.1:1']}", "listen_tls needs a certificate"},
    {"http: {tls: {certificate: a, key: b}}", "nobody uses it"},
    {"http: {listen_tls: [here:1], tls: {certificate: a, key: b}}", "here:1 is not an address"},
    {"http: {listen_tls: ['127.0.0.1:8080'], tls: {certificate: a, key: b}}", "is listed twice"},
    {"http: {listen_tls: ['127.0.0.1:1'], tls: {certificate: a}}", "key is missing"},
    {"http: {listen_tls: ['127.0.0.1:1'], tls: {certificate: a/b, key: b}}",
     "a/b is neither an absolute path nor the name of a secret"},
    {"http: {listen_tls: ['0.0.0.0:1'], tls: {certificate: a, key: b}}\n"
     "sources: {s: {auth: none-on-loopback}}",
     "none-on-loopback needs every address"},
    {"http: {trusted_proxies: [10.0.0.0/8, 10.0.0.1/8]}", "10.0.0.1/8 is no address"},
    {"http: {trusted_proxies: proxy.example.org}", "is no address or network"},
    {"http: {proxy_header: x-real-ip}", "is not one of x-forwarded-for, forwarded"},
    {"http: {listen: []}", "listen must be a list of texts, 1 to 16"},
    {"http: {listen: ['127.0.0.1:1', '127.0.0.1:1']}", "127.0.0.1:1 is listed twice"},
    {"http:\n  idle_ms: 500\n  idle_ms: 600",
     "f.yaml:3:3: idle_ms is given twice, first in line 2"},
    {"http: {connections: 10, reserved_connections: 10}",
     "must be less than http.connections (10)"},
    {"supervisor: {drain_ms: 31000}",
     "supervisor.drain_ms (31000) must be at most supervisor.stop_ms (30000)"},
    {"state_dir: relative", "state_dir must be absolute"},
    {"state_dir: \"/a\\0b\"", "may not hold a NUL byte"},
    {"state_dir: ${WEIR_TEST_NONE}", "the environment has no WEIR_TEST_NONE"},
    {"state_dir: /a/${/message/id}", "has a place ${...} that means nothing here"},
    {"http: {idle_ms: !!int 5}", "tags such as tag:yaml.org,2002:int are not used here"},
    {"a: [", "f.yaml:2:1: not YAML: "},
    {"http:\n\tidle_ms: 500", "f.yaml:2:1: not YAML: found character that cannot start any token"},
    {"http:\n\tidle_ms: 500", "; indent with spaces, not tabs"},
    {"a: {b: /x/${/id}}", "; close every bracket, and quote a text that holds one"},
    {"a: b: c", "; quote a text that holds a colon and a space"},
    {"a: 1\n---\nb: 2", "a second document in one file"},
    {"\xff\xfe\xfa", "not YAML"},
    {"? [a]\n: 1", "a key must be a text"},
    {"sources: {a b: {auth: github}}", "a b cannot be a name"},
    {"sources: {s: {}}", "f.yaml:1:14: auth is missing"},
    {"sources: {s: {auth: github}}", "auth github needs a secret"},
    {"sources: {s: {auth: none-on-loopback, secret: x}}", "is never used"},
    {"sources: {s: {auth: slack, secret_next: x}}", "auth slack needs a secret"},
    {"sources: {s: {auth: none-on-loopback, secret_next: x}}", "is never used"},
    {"sources: {s: {auth: github, secret: x, secret_next: x}}",
     "f.yaml:1:53: secret_next is the same as secret"},
    {"sources: {s: {auth: header, secret: x}}", "add  header: X-Api-Key"},
    {"sources: {s: {auth: api-key}}", "f.yaml:1:21: no key of api_keys may send for it"},
    {"sources: {s: {auth: api-key, secret: x}}", "with auth api-key is never used"},
    {"api_keys: {k: {scopes: read}}", "secret is missing"},
    {"api_keys: {k: {secret: x}}", "scopes is missing"},
    {"api_keys: {k: {secret: x, scopes: []}}", "1 to 64 of them"},
    {"api_keys: {k: {secret: x, scopes: [read, write]}}", "f.yaml:1:42: write is no scope"},
    {"api_keys: {k: {secret: x, scopes: 'submit:'}}", "submit: is no scope"},
    {"api_keys: {k: {secret: x, scopes: submit}}", "submit is no scope"},
    {"api_keys: {k: {secret: x, scopes: reads}}", "reads is no scope"},
    {"api_keys: {k: {secret: x, scopes: 'admin:*'}}", "admin:* is no scope"},
    {"api_keys: {k: {secret: x, scopes: 'submit:s'}}", "there is no source s"},
    {"api_keys: {k: {secret: x, scopes: 'leases:l'}}", "there is no limit l"},
    {"sources: {s: {auth: github, secret: y}}\napi_keys: {k: {secret: x, scopes: 'submit:s'}}",
     "source s has auth github and takes no API key"},
    {"api_keys: {k: {secret: x, secret_next: x, scopes: read}}", "also the secret_next of key k"},
    {"api_keys: {k: {secret: x, scopes: read}, l: {secret: y, secret_next: x, scopes: read}}",
     "x is also the secret of key k"},
    {"sources: {s: {auth: bearer, secret: x, header: X-Key}}", "used with auth header only"},
    {"sources: {s: {auth: header, secret: x, header: 'X Key'}}", "cannot be a header's name"},
    {"http: {listen: ['0.0.0.0:80']}\nsources: {s: {auth: none-on-loopback}}",
     "f.yaml:2:21: none-on-loopback needs every address"},
    {"downstreams: {rules: {url: 'http://a'}}", "rules is the name of the built-in rules"},
    {"downstreams: {d: {url: 'ftp://a'}}", "must start with http:// or https://"},
    {"downstreams: {d: {url: 'http://a/b'}}", "has a path; leave it out here"},
    {"downstreams: {d: {url: 'http://u:p@a'}}", "holds a user name"},
    {"downstreams: {d: {url: 'http://a:0'}}", "is not scheme://host"},
    {"downstreams: {d: {url: 'http://${HOME:-x}/'}}", "has a path"},
    {"downstreams: {d: {url: 'http://127.1'}}",
     "f.yaml:1:24: url: http://127.1 has a host that is"},
    {"downstreams: {d: {url: 'http://0x7f.0.0.1:80'}}", "an address has four numbers"},
    {"downstreams: {d: {url: 'https://2130706433'}}", "an address has four numbers"},
    {"downstreams: {d: {url: 'http://127.0.0.1:80'}}", "127.0.0.1 is loopback: add  allow_private"},
    {"downstreams: {d: {url: 'http://[::1]'}}", "[::1] is loopback: add  allow_private: true"},
    {"downstreams: {d: {url: 'http://169.254.169.254', allow_private: true}}",
     "no downstream can be there"},
    {"downstreams: {d: {url: 'http://a', connect_ms: 9000, total_ms: 100}}",
     "connect_ms must be at most"},
    {"downstreams: {d: {url: 'http://a', headers: {Host: x}}}", "Host is set by Weir itself"},
    {"downstreams: {d: {url: 'http://a', headers: {Authorization: x}}}", "is a secret; name it"},
    {"downstreams: {d: {url: 'http://a', headers: {'a b': x}}}", "cannot be a header's name"},
    {"downstreams: {d: {url: 'http://a', headers: {A: \"x\\r\\nB: y\"}}}", "control character"},
    {"downstreams: {d: {url: 'http://a', headers: {A: '${/id}'}}}", "headers are fixed"},
    {"limits: {l: {slots: 0}}", "0 is not a whole number from 1"},
    {"limits: {l: {rate: {count: 1, per_ms: 86400000, burst: 1000000}}}",
     "f.yaml:1:56: a burst of 1000000 at 1 per 86400000 ms would take more than eleven years"},
    {"limits: {l: {rate: {count: 5000, shape: window}}}", "at most 4096"},
    {"limits: {l: {rate: {count: 5, shape: window}, per: [key], overrides: {default: 5000}}}",
     "at most 4096"},
    {"limits: {l: {slots: 5, per: [key], overrides: {a: {slots: 1, cap: 1}}}}",
     "f.yaml:1:47: overrides: a has cap, and limit l has none: add it"},
    {"limits: {l: {cap: {count: 5}, per: [key], overrides: {default: {slots: 1}}}}",
     "overrides: default has slots, and limit l has none: add it"},
    {"limits: {l: {slots: 5, per: [key], overrides: {a: 1000001}}}",
     "overrides: a: slots is at most 1000000"},
    {"limits: {l: {rate: {count: 5}, per: [key], overrides: {a: 10000001}}}",
     "overrides: a: rate is at most 10000000"},
    {"limits: {l: {rate: {count: 5, shape: window}, per: [key], overrides: {a: 4097}}}",
     "overrides: a: rate is at most 4096"},
    {"limits: {l: {cap: {count: 5}, per: [key], overrides: {a: {cap: 1000000001}}}}",
     "overrides: a: cap is at most 1000000000"},
    {"limits: {l: {slots: 5, per: [key], overrides: {a: {slot: 1}}}}",
     "f.yaml:1:52: slot is none of slots, rate and cap"},
    {"limits: {l: {slots: 5, per: [key], overrides: {a: {}}}}",
     "f.yaml:1:51: say one of slots, rate and cap, or one number"},
    {"limits: {l: {slots: 5, per: [key], overrides: {a: {slots: -1}}}}",
     "-1 is not a whole number from 0"},
    {"limits: {l: {slots: 5, per: [key], overrides: {a: [1]}}}", "overrides must be a table"},
    {COST("slots: 1", "2"), "limit l has 1 slots: a cost of 2 never fits"},
    {COST("slots: 8, share_by: key, max_share_percent: 25", "3"),
     "limit l has 2 slots for one value of share_by: a cost of 3 never fits"},
    {COST("slots: 8, share_by: key, max_share_percent: 1", "2"),
     "limit l has 1 slots for one value of share_by: a cost of 2 never fits"},
    {COST("slots: 4, reserved: 2, reserved_class: high", "3"),
     "limit l has 2 slots for its classes: a cost of 3 never fits"},
    {COST("rate: {count: 5, shape: spacing}", "2"),
     "limit l has 1 of its rate at once: a cost of 2 never fits"},
    {COST("rate: {count: 5, burst: 2}", "3"),
     "limit l has 2 of its rate at once: a cost of 3 never fits"},
    {COST("rate: {count: 5, shape: window}", "6"),
     "limit l has 5 of its rate at once: a cost of 6 never fits"},
    {COST("rate: {count: 10, headroom_percent: 50}", "6"),
     "limit l has 5 of its rate at once: a cost of 6 never fits"},
    {COST("cap: {count: 5}", "6"), "limit l has 5 in each period of its cap: a cost of 6 never"},
    {COST("slots: 9, cap: {count: 5}", "6"),
     "f.yaml:9:43: limit l has 5 in each period of its cap: a cost of 6 never fits"},
    {ROUTE(""), "steps is missing"},
    {ROUTE("      - {name: a, call: {downstream: d, path: /p}}\n    body: form"),
     "any web page open on this host"},
    {ROUTE("      []"), "steps has 0 entries"},
    {ROUTE("      - {name: a}"),
     "step a must have one of classify, call, acquire and release, and has none"},
    {ROUTE("      - {name: a, call: {downstream: x, path: /p}}"),
     "f.yaml:8:38: no downstream is called x"},
    {"limits: {l: {slots: 1}}\n" ROUTE(
         "      - {name: a, limits: [l], call: {downstream: d, path: /p}}\n    limits: [l]"),
     "limit l is drawn from by its route too; name it once"},
    {"limits: {l: {slots: 1}}\ndownstreams: {e: {url: 'http://h', limits: [l]}}\n"
     "sources: {s: {auth: none-on-loopback}}\nroutes: {r: {path: /r, source: s, steps: [{name: a,"
     " limits: [l], call: {downstream: e, path: /p}}]}}",
     "limit l is drawn from by its downstream too; name it once"},
    {ROUTE("      - {name: a, limits: [l], call: {downstream: d, path: /p}}"),
     "no limit is called l"},
    {ROUTE("      - {name: a, call: {downstream: d, path: p}}"), "must start with one /"},
    {ROUTE("      - {name: a, call: {downstream: d, path: //evil/p}}"), "must start with one /"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/a/../b'}}"), "has a segment . or .."},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/a b'}}"), "must be percent-encoded"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/${message/id}'}}"),
     "a place must hold a JSON pointer"},
    {ROUTE("      - {name: a, call: {downstream: d, path: /p, body: {x: ['${/message/a']}}}"),
     "a place ${ is not closed"},
    {ROUTE("      - {name: a, call: {downstream: d, path: /p, body: {'${/id}': 1}}}"),
     "not in a name"},
    {ROUTE("      - {name: a, call: {downstream: d, path: /p, method: GET, body: {}}}"),
     "a GET has no body"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/${/results/b/status}'}}\n"
           "      - {name: b, call: {downstream: d, path: /p}}"),
     "no earlier step is called b"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/${/results/a/status}'}}"),
     "no earlier step is called a"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n"
           "      - {name: b, call: {downstream: d, path: '/${/results/a/status}'}}"),
     "the result of a classify step has only /outcome"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/${/labels/x}'}}"),
     "this route has no such label"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/${/headers/X-A}'}}"), "in lower case"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/${/mesage/x}'}}"),
     "a pointer starts with /message"},
    {ROUTE("      - {name: a, call: {downstream: d, path: '/${/id/x}'}}"),
     "there is nothing below it"},
    {ROUTE("      - {name: a, when: {message: 1}, call: {downstream: d, path: /p}}"),
     "is not a JSON pointer"},
    {ROUTE("      - {name: a, when: {/id: {}}, call: {downstream: d, path: /p}}"),
     "a condition is a pattern"},
    {ROUTE("      - {name: a, when: {/results/z: 1}, call: {downstream: d, path: /p}}"),
     "no earlier step is called z"},
    {ROUTE("      - {name: a, backoff_base_ms: 9000, backoff_cap_ms: 10, call: {downstream: d, "
           "path: /p}}"),
     "backoff_base_ms must be at most"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n      - {name: a, classify: {otherwise: "
           "o}}"),
     "f.yaml:9:16: a step before it is called a too"},
    {ROUTE("      - {name: a, classify: {otherwise: o}, call: {downstream: d, path: /p}}"),
     "acquire and release, and has more"},
    {ROUTE("      - {name: a, limits: [l, l, l, l, l, l, l, l, l], classify: {otherwise: o}}"),
     "limits must be a list of names, 0 to 8"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n    key: /results/a"),
     "there are only /message and /headers"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n    key: message"),
     "is not a JSON pointer"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n    parallel: 2"),
     "this route has no key"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n    body_bytes_max: 5MiB"),
     "from 1 to 4194304 bytes"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n  q: {path: /r, source: t, steps: [{name: "
           "a, "
           "classify: {otherwise: o}}]}"),
     "route r has the path /r too"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n  q: {path: /q, source: t, steps: [{name: "
           "a, "
           "classify: {otherwise: o}}]}"),
     "no source is called t"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n  q: {path: /v1/x, source: s, steps: "
           "[{name: a, "
           "classify: {otherwise: o}}]}"),
     "/v1 belongs to Weir itself"},
    {ROUTE("      - {name: a, classify: {otherwise: o}}\n  q: {path: /a/../b, source: s, steps: "
           "[{name: a, "
           "classify: {otherwise: o}}]}"),
     "empty or dotted segment"},
};

static void every_mistake_is_told_with_place_and_hint(void **state)
{
    (void)state;
    unsetenv("WEIR_TEST_NONE");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        json_t *json;
        said_t said;
        if (read_text(wrong[i].yaml, &json, &said) != -EINVAL || json ||
            !strstr(said.text, wrong[i].said))
            fail_msg("%s\nsaid: %s\nnot:  %s", wrong[i].yaml, said.text, wrong[i].said);
    }
}

/* Everything is told in one round, in the order of the lines; what only seems wrong because
 * something else is, is not. */
static const struct {
    const char *yaml, *said;
} rounds[] = {
    {"http: {idle_ms: x, body_ms: y}\nlog: {level: z}\nfoo: 1",
     "f.yaml:1:17: idle_ms\nf.yaml:1:29: body_ms\nf.yaml:2:14: level\nf.yaml:3:1: no key\n"},
    {"routes: {r: {path: /r, source: s, steps: []}}\nlimits: {l: {slots: 0}}\nhttp: {idle_ms: 1}",
     "f.yaml:1:42: steps has 0\nf.yaml:2:21: slots\nf.yaml:3:17: idle_ms\n"},
    {"supervisor: {drain_ms: 31000}\nhttp: {idle_ms: x}", /* one by itself, one with another */
     "f.yaml:1:24: supervisor.drain_ms\nf.yaml:2:17: idle_ms\n"},
    {"supervisor: {drain_ms: 31000, stop_ms: x}", "f.yaml:1:40: stop_ms\n"},
    {"sources: {s: {auth: gihub, secret: x}}\nstate_dir: a",
     "f.yaml:1:21: auth: gihub is not one of\nf.yaml:2:12: state_dir\n"},
    {"sources: {s: {auth: github, secret: a b}}", "f.yaml:1:37: secret: a b cannot be a name\n"},
    {"sources: 5\nroutes: {r: {path: /r, source: s, steps: [{name: a, classify: {otherwise: o}}]}}",
     "f.yaml:1:10: sources must be a table of names\n"},
    {"sources:\n  s:\nroutes: {r: {path: /r, source: s, steps: [{name: a, classify: {otherwise: "
     "o}}]}}",
     "f.yaml:2:3: s has no keys; write them below it\n"},
    {"sources: {s: null}",
     "f.yaml:1:11: s has no keys; write them below it, or take it out (null\n"},
    {"http: {idle_ms: '${WEIR_TEST_NONE}'}", "f.yaml:1:17: the environment has no\n"},
    {"a: b: c\nhttp: {idle_ms: x}", "f.yaml:1:5: not YAML\n"},
    {ROUTE("      - {name: a b, classify: {otherwise: o}}\n"
           "      - {name: b, call: {downstream: d, path: '/${/results/a/outcome}'}}"),
     "f.yaml:8:16: name: a b cannot\n"},
    {ROUTE("      - {name: a, call: {downstream: d, path: x}}\n"
           "      - {name: b, limits: [nobody], classify: {otherwise: o}}"),
     "f.yaml:8:47: path: x\nf.yaml:9:28: no limit is called nobody\n"},
    {ROUTE("      - name: a\n        call:\n"), "f.yaml:9:14: downstream is missing\n"},
};

/* Each line begins as it should, and there are no more. */
static bool said_all(const said_t *said, const char *wanted)
{
    const char *line = said->text;
    for (; *wanted && *line; wanted = strchr(wanted, '\n') + 1, line = strchr(line, '\n') + 1)
        if (strncmp(line, wanted, strcspn(wanted, "\n")) != 0)
            return false;
    return !*wanted && !*line;
}

static void all_mistakes_are_told_in_one_round_in_order(void **state)
{
    (void)state;
    unsetenv("WEIR_TEST_NONE");
    for (size_t i = 0; i < COUNT_OF(rounds); i++) {
        json_t *json;
        said_t said;
        if (read_text(rounds[i].yaml, &json, &said) != -EINVAL || !said_all(&said, rounds[i].said))
            fail_msg("%s\nsaid:\n%snot:\n%s", rounds[i].yaml, said.text, rounds[i].said);
    }
}

/* A line is cut at a whole character: it is told as JSON too. */
static void what_is_cut_stays_text(void **state)
{
    char yaml[3000] = "";
    json_t *json, *text;
    said_t said;
    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(yaml, sizeof yaml, "state_dir: /%.*s", i, "aaa");
        for (size_t len = strlen(yaml); len + 2 < 1000; len += 2)
            strcpy(yaml + len, "\xc3\xa9");
        assert_int_equal(read_text(yaml, &json, &said), -EINVAL);
        assert_non_null(text = json_string(said.text));
        json_decref(text);
    }
}

static void at_most_twenty_mistakes_are_told(void **state)
{
    char yaml[4096] = "";
    json_t *json;
    said_t said;
    (void)state;
    for (int i = 0; i < 50; i++)
        sprintf(yaml + strlen(yaml), "unknown%d: 1\n", i);
    assert_int_equal(read_text(yaml, &json, &said), -EINVAL);
    assert_int_equal(said.lines, 21);
    assert_non_null(strstr(said.text, "and 30 more"));
}

static void more_patterns_than_are_looked_through_are_a_mistake(void **state)
{
    static char yaml[40000];
    (void)state;
    for (int most = 1000; most <= 1001; most++) { /* default: 0 is one of them */
        json_t *json;
        said_t said;
        strcpy(yaml, "limits: {l: {slots: 1, per: [key], overrides: {exact: 2, default: 0");
        for (int i = 1; i < most; i++)
            sprintf(yaml + strlen(yaml), ", 'p%d*': 3", i);
        strcat(yaml, "}}}");
        assert_int_equal(read_text(yaml, &json, &said), most == 1001 ? -EINVAL : 0);
        json_decref(json);
        assert_int_equal(strstr(said.text, "1001 of the overrides are patterns with *") != NULL,
                         most == 1001);
    }
}

static void what_a_file_says_cannot_steer_the_terminal(void **state)
{
    json_t *json;
    said_t said;
    (void)state;
    assert_int_equal(read_text("\"\\e[31mred\\nline \\u009b31m \\u00e9\": 1", &json, &said),
                     -EINVAL);
    assert_null(strchr(said.text, '\033'));
    assert_non_null(strstr(said.text, "?[31mred?line ??31m \xc3\xa9 here"));
    assert_int_equal(said.lines, 1);
    assert_ptr_equal(strchr(said.text, '\n'), said.text + strlen(said.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_told_with_place_and_hint),
        cmocka_unit_test(all_mistakes_are_told_in_one_round_in_order),
        cmocka_unit_test(what_is_cut_stays_text),
        cmocka_unit_test(at_most_twenty_mistakes_are_told),
        cmocka_unit_test(more_patterns_than_are_looked_through_are_a_mistake),
        cmocka_unit_test(what_a_file_says_cannot_steer_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
