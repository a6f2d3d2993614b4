#include "actors/actor_jail.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "sys/http.h"
#include "sys/jail_calls.h"
#include "sys/jail_files.h"
#include "sys/log.h"
#include "sys/zlink.h"

#define PATHS_MAX 24u

typedef struct room {
    jail_path_t paths[PATHS_MAX];
    size_t count;
} room_t;

static void open_to(room_t *room, const char *path, unsigned how)
{
    must(room->count < PATHS_MAX);
    room->paths[room->count++] = (jail_path_t){path, how};
}

/* How names are resolved, and whom TLS believes: of Debian and of Fedora. Not their folders of
 * private keys, which lie beside. */
static void open_to_callers(room_t *room)
{
    static const char *const paths[] = {
        "/etc/resolv.conf",
        "/run/systemd/resolve",
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/nsswitch.conf",
        "/etc/services",
        "/etc/ssl/certs",
        "/etc/ssl/cert.pem",
        "/etc/ssl/openssl.cnf",
        "/etc/pki/tls/certs",
        "/etc/pki/tls/cert.pem",
        "/etc/pki/tls/openssl.cnf",
        "/etc/pki/tls/openssl.d",
        "/etc/pki/ca-trust",
        "/etc/crypto-policies",
        "/usr/lib/ssl",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/usr/share/crypto-policies",
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        open_to(room, paths[i], JAIL_READ);
}

static void furnish(room_t *room, const config_t *c, unsigned may)
{
    open_to(room, "/proc/self", JAIL_READ); /* its own memory and descriptors are metrics */
    open_to(room, "/usr/share/zoneinfo", JAIL_READ);
    if (may & MAY_CALL)
        open_to_callers(room);
    if (may & MAY_SERVE)
        open_to(room, c->run_dir, JAIL_BIND);
    if (may & MAY_STORE) {
        open_to(room, c->state_dir, JAIL_READ | JAIL_WRITE);
        open_to(room, "/proc/sys/kernel/random/boot_id", JAIL_READ);
    }
}

/* What libraries read once, at first use, is read while it can be. */
static void look_around(unsigned may)
{
    tzset();
    zlink_prepare();
    if (may & MAY_CALL)
        http_client_prepare();
}

/* -errno of what is missing and may not be, after `why` was written; 0: it may be. */
static int lacks(const config_t *c, int error, const char *what, char *why, size_t size)
{
    if (c->supervisor.jail == JAIL_REQUIRED) {
        snprintf(why, size,
                 "supervisor.jail is required, and %s; use a kernel that has it, or "
                 "set best-effort",
                 what);
        return error;
    }
    log_write(&(log_line_t){.event = LOG_JAIL, .text = what, .error = error});
    return 0;
}

int actor_jail(const config_t *c, unsigned may, unsigned *jailed, char *why, size_t size)
{
    room_t room = {.count = 0};
    *jailed = 0;
    if (c->supervisor.jail == JAIL_OFF)
        return 0;
    look_around(may);
    furnish(&room, c, may);
    int files = jail_files(room.paths, room.count, may & MAY_CALL);
    *jailed |= files > 0 ? JAILED_FILES : 0;
    int r = files > 0 ? 0
                      : lacks(c, files < 0 ? files : -ENOSYS,
                              "this kernel keeps no files from it by Landlock", why, size);
    int calls = r < 0 ? r : jail_calls(may, JAIL_REFUSAL);
    *jailed |= calls == 0 ? JAILED_CALLS : 0;
    if (r == 0 && calls < 0)
        r = lacks(c, calls, "this kernel keeps no system calls from it by seccomp", why, size);
    return r;
}
