#include "supervisor/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- programs --------------------------------------------------------------------------- */

static bool has_programs(const char *folder)
{
    char path[1200];
    for (size_t i = 0; i < ROSTER_COUNT; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, roster[i].program);
        if (access(path, X_OK) < 0)
            return false;
    }
    return true;
}

static int beside_us(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0)
        return -ENOENT;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash)
        return -ENOENT;
    *slash = '\0';
    return 0;
}

int launch_find_programs(launch_t *l)
{
    const char *given = getenv("WEIR_LIBEXEC");
    if (given && *given) {
        int n = snprintf(l->programs, sizeof l->programs, "%s", given);
        return n < (int)sizeof l->programs && has_programs(l->programs) ? 0 : -ENOENT;
    }
    if (beside_us(l->programs, sizeof l->programs) == 0 && has_programs(l->programs))
        return 0;
    snprintf(l->programs, sizeof l->programs, "/usr/libexec/weir");
    return has_programs(l->programs) ? 0 : -ENOENT;
}

/* ---- birth ------------------------------------------------------------------------------ */

typedef struct birth_kit {
    int kept[3 + LISTENERS_MAX];
    size_t kept_count;
    char line[512];
} birth_kit_t;

static void write_line(birth_kit_t *kit, const launch_t *l, const roster_entry_t *entry,
                       uint16_t instance, uint64_t generation, bool standby)
{
    size_t used = (size_t)snprintf(
        kit->line, sizeof kit->line,
        "WEIR_BIRTH=instance=%u generation=%llu config=%d secrets=%d lock=%d host=1 "
        "may=%u%s",
        instance, (unsigned long long)generation, kit->kept[0], kit->kept[1], kit->kept[2],
        entry->may, standby ? " standby=1" : "");
    if (!(entry->may & MAY_LISTEN))
        return;
    for (size_t i = 0; i < l->listeners->count; i++) {
        used += (size_t)snprintf(kit->line + used, sizeof kit->line - used, "%s%d",
                                 i ? "," : " listen=", l->listeners->fds[i]);
        kit->kept[kit->kept_count++] = l->listeners->fds[i];
    }
    if (l->listeners->tls)
        used += (size_t)snprintf(kit->line + used, sizeof kit->line - used, " tls=%u",
                                 l->listeners->tls);
    if (l->listeners->from_systemd)
        used += (size_t)snprintf(kit->line + used, sizeof kit->line - used, " door=kept");
    must(used < sizeof kit->line);
}

static int start(const launch_t *l, const roster_entry_t *entry, uint16_t instance,
                 uint64_t generation, bool standby, birth_kit_t *kit)
{
    char path[1200], title[64];
    write_line(kit, l, entry, instance, generation, standby);
    snprintf(path, sizeof path, "%s/%s", l->programs, entry->program);
    snprintf(title, sizeof title, "%s: %u", entry->program, instance);
    return spawn(&(spawn_t){.path = path,
                            .title = title,
                            .birth = kit->line,
                            .kept = kit->kept,
                            .kept_count = kit->kept_count,
                            .descriptors = entry->descriptors(l->config),
                            .user = l->has_user ? &l->user : NULL});
}

int launch_child(const launch_t *l, const roster_entry_t *entry, uint16_t instance,
                 uint64_t generation, bool standby)
{
    int config = memory_file("weir-config", bytes_str(l->config_text));
    if (config < 0)
        return config;
    int pid = launch_secrets(l, entry);
    if (pid >= 0) {
        int secrets = pid;
        birth_kit_t kit = {.kept = {config, secrets, l->lock}, .kept_count = 3};
        pid = start(l, entry, instance, generation, standby, &kit);
        close(secrets);
    }
    close(config);
    return pid;
}
