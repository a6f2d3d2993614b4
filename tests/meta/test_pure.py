#!/usr/bin/env python3
"""Code that decides knows no clock, no disk and no socket: its objects use nothing but a short list of symbols."""
import re

import meta

PURE = ["lib/core", "protocol", "actors", "supervisor"]
NOT_PURE = re.compile(r"^actors/(actor|birth)[a-z_]*\.c$|/main\.c$|"
                      # of the supervisor, these decide: child, ctl_request, family, reload, restart, roster, stop
                      r"^supervisor/(bundle|ctl_people|ctl_server|launch|listeners|options|peers|place|relay|renew|replace|setup|spawn|supervisor|verbs|verbs_config|verbs_events|verbs_self)\.c$")
ALLOWED = re.compile(r"""^(
    mem(cpy|move|set|cmp|chr|rchr|mem) | str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|chrnul|str|spn|cspn|cpy|ncpy|dup|ndup|pbrk) |
    stpcpy | malloc | calloc | realloc | reallocarray | free | qsort | bsearch | strto(d|l|ul|ll|ull|imax|umax) |
    v?snprintf | v?asprintf | sscanf | __isoc99_sscanf | isfinite | log2 | pow | exp | exp2 | lround | llround | round | floor | ceil |
    __(mem|str|stp)\w*_chk | __v?s(n)?printf_chk | __v?asprintf_chk | __stack_chk_fail | __ctype_(b|tolower|toupper)_loc | tolower | toupper |
    json_\w+ | XXH\w+ | msgpack_\w+ | must_failed | crash_point | planted_bug | _GLOBAL_OFFSET_TABLE_ |
    timegm | gmtime_r | abs | labs | strerrordesc_np
)$""", re.X)

pure = {source: path for folder in PURE for source, path in meta.objects(folder).items()
        if not NOT_PURE.search(source)}
defined, problems = set(), []
for path in pure.values():
    defined |= {name for kind, name in meta.symbols(path, "-g") if kind in "TRDBVWC"}
# From lib/sys and lib/store pure code may use what reads nothing but its arguments.
for source, path in {**meta.objects("lib/sys"), **meta.objects("lib/store")}.items():
    uses = {name for kind, name in meta.symbols(path, "-u")}
    if all(ALLOWED.match(name) for name in uses):
        defined |= {name for kind, name in meta.symbols(path, "-g") if kind in "TRDBVWC"}
# The checked configuration is data; crypto is arithmetic; metrics count in memory.
FROM_SYS = re.compile(r"^(config_(route|route_at|pool|limit|lists)|route_step|limit_words|override_says|mode_act_name|http_header|sha256_\w+|hmac_sha256|"
                      r"crypto_\w+|signature_\w+|metric_\w+|metrics_\w+|store_batch_\w+)$")
for source, path in sorted(pure.items()):
    for kind, name in meta.symbols(path, "-u"):
        if name not in defined and not ALLOWED.match(name) and not FROM_SYS.match(name):
            problems.append(f"{source} uses {name}")
meta.report("pure_objects_were_found", [] if len(pure) > 30 else [f"only {len(pure)} objects: is {meta.BUILD} built?"])
meta.report("pure_code_uses_no_clock_no_disk_no_socket", problems)
meta.end()
