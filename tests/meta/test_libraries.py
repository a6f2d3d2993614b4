#!/usr/bin/env python3
"""The layout of the repository, and the libraries: really used, not only linked."""
import meta

LAYOUT = """README.md HACKING.md CHANGELOG.md LICENSE CMakeLists.txt CMakePresets.json run check .ci/run lib/core
lib/store lib/sys protocol supervisor actors tools tests/unit tests/sim tests/golden tests/fuzz tests/proc tests/bench
tests/meta etc/examples docs/ARCHITECTURE.md docs/DECISIONS lib/store/FORMAT.md protocol/PROTOCOL.md
protocol/messages.def supervisor/roster.def""".split()
PROGRAMS = "weir-supervisor weir-ingress weir-limiter weir-classifier weir-responder weir-drainer".split()
USED = {  # program, symbols of which each must be imported
    "weir-limiter": ["zmq_", "zframe_|zsock_|zmsg_|zpoller_|zsys_", "sqlite3_", "sd_event_"],
    "weir-ingress": ["zmq_", "accept4", "gnutls_", "json_"],
    "weir-responder": ["curl_multi_", "curl_easy_", "zmq_", "ares_"],
    "weir-supervisor": ["sd_", "yaml_", "zmq_"],
}
meta.report("the_top_level_tells_the_story", [f"{name} is not there" for name in LAYOUT if not (meta.ROOT / name).exists()])
missing = [f"{name} is not built" for name in PROGRAMS + ["weirctl", "weir-load", "weir-sandbox"]
           if not (meta.BUILD / name).is_file()]
meta.report("every_actor_is_a_program_of_its_own", missing)
unused = []
for program, wanted in USED.items():
    imported = {name for kind, name in meta.symbols(meta.BUILD / program, "-D", "-u")}
    for prefixes in wanted:
        if not any(name.startswith(tuple(prefixes.split("|"))) for name in imported):
            unused.append(f"{program} uses nothing of {prefixes}")
# msgpack-c is inline functions: they are in the objects of the codec, and its calls in the codec's sources.
DEBUG = meta.Path(meta.os.environ.get("WEIR_CHECK_BUILD", meta.ROOT / "build/check"))
codec = [name for o in DEBUG.glob("CMakeFiles/weir_protocol.dir/**/*.o") for kind, name in meta.symbols(o)
         if name.startswith("msgpack_")]
if not codec:
    unused.append("the codec uses nothing of msgpack_")
tests = list(meta.BUILD.glob("tests/test_*"))
if not any(name == "_cmocka_run_group_tests" for t in tests[:3] for kind, name in meta.symbols(t, "-D", "-u")):
    unused.append("no test program runs with cmocka")
meta.report("the_libraries_are_really_used", unused)
meta.end()
