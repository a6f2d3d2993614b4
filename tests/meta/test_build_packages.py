#!/usr/bin/env python3
"""What Weir is built with is written once, in tools/build-packages; the packages' own lists say the same."""
import re

import meta

wanted = set(meta.text("tools/build-packages").split())
# What every Debian build has, or what its debhelper brings.
IMPLIED = {"gcc", "g++"}
control = re.search(r"^Build-Depends:((?: .*\n)+)", meta.text("packaging/debian/control"), re.M).group(1)
has = {re.sub(r"[:(].*", "", word).strip() for word in control.split(",")} - {"debhelper-compat", "python3"}
meta.report("debian_control_has_the_list", [f"{p} is in one list only" for p in sorted(has ^ (wanted - IMPLIED))])

# Fedora's names where they are not the same word with -devel.
FEDORA = {"g++": "gcc", "pkg-config": "pkgconf-pkg-config", "libzmq3-dev": "zeromq-devel", "libcurl4-openssl-dev": "libcurl-devel",
          "libssl-dev": "openssl-devel", "libsqlite3-dev": "sqlite-devel", "libyaml-dev": "libyaml-devel",
          "libseccomp-dev": "libseccomp-devel", "libgnutls28-dev": "gnutls-devel"}
spec = set(re.findall(r"[\w.+-]+", " ".join(re.findall(r"^BuildRequires:(.*)$", meta.text("packaging/rpm/weir.spec"), re.M))))
named = {p: FEDORA.get(p, re.sub(r"^(?:lib)?(.*)-dev$", r"\1-devel", p)) for p in wanted}
meta.report("the_spec_has_it_by_fedoras_names", [f"{p}: BuildRequires lacks {name}" for p, name in sorted(named.items()) if name not in spec])

uses = {"Containerfile": "$(cat tools/build-packages)"}
users = {name: meta.text(name) for name in ("run", "check", "packaging/build", "Containerfile")}
meta.report("who_builds_uses_the_list", [f"{name} does not use it" for name, text in users.items()
                                         if uses.get(name, "$build_packages") not in text])
meta.report("no_one_has_a_list_of_their_own", [f"{name} names {p}" for name, text in users.items() for p in sorted(wanted)
                                               if p.endswith("-dev") and re.search(rf"\b{re.escape(p)}\b", text)])
meta.end()
