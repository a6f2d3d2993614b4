/* verbs_self.c: what the supervisor answers about itself and its children. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_backup.h"
#include "supervisor/supervisor.h"

static json_t *actor_json(const outside_t *o, instant_t now)
{
    static const char *const roles[] = {[CHILD_IN_OFFICE] = "in office",
                                        [CHILD_SUCCESSOR] = "successor",
                                        [CHILD_RETIREE] = "retiree"};
    const child_t *c = o->child;
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I}", "name", c->name, "actor",
                  actor_name(c->actor), "role", roles[c->role], "state", child_state_name(c->state),
                  "pid", c->pid, "generation", (json_int_t)c->generation, "in_state_ms",
                  (json_int_t)(instant_since_us(now, c->since) / US_PER_MS), "restarts",
                  (json_int_t)(c->lives ? c->lives - 1 : 0));
    must(j);
    if (c->state == CHILD_READY)
        must(json_object_set_new(j, "seccomp", json_boolean(o->jailed & JAILED_CALLS)) == 0 &&
             json_object_set_new(j, "landlock", json_boolean(o->jailed & JAILED_FILES)) == 0);
    if (c->last_end[0])
        must(json_object_set_new(j, "last_end", json_string(c->last_end)) == 0);
    bool waits = c->state == CHILD_BACKOFF || c->state == CHILD_FAILED;
    if (waits && !instant_is_never(c->due))
        must(json_object_set_new(j, "again_in_ms",
                                 json_integer(instant_since_us(c->due, now) / US_PER_MS)) == 0);
    return j;
}

json_t *self_actors(const supervisor_t *s, const char *name)
{
    json_t *list = json_array();
    instant_t now = loop_now().at;
    for (unsigned role = CHILD_IN_OFFICE; role < CHILD_NOBODY; role++)
        for (size_t i = 0; i < ROSTER_COUNT; i++)
            for (size_t k = 0; k < s->family.count; k++) {
                const child_t *c = &s->family.children[k];
                if (c->role == role && c->actor == roster[i].actor &&
                    (!name || family_means(c, name)))
                    must(json_array_append_new(list, actor_json(&s->outside[k], now)) == 0);
            }
    return list;
}

static json_t *listen_json(const supervisor_t *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->listeners.count; i++)
        must(json_array_append_new(list, json_string(s->listeners.addresses[i])) == 0);
    return list;
}

static const char *phase_name(const supervisor_t *s)
{
    static const char *const phases[] = {[STOP_NOT] = "running",
                                         [STOP_DRAIN] = "draining for a stop",
                                         [STOP_WAVES] = "stopping",
                                         [STOP_OVER] = "stopped"};
    return phases[s->stop.phase];
}

json_t *self_status(const supervisor_t *s, json_t *queue, const char *why)
{
    char summary[512];
    family_summary(&s->family, summary, sizeof summary);
    json_t *j = json_pack(
        "{s:b, s:s, s:s, s:b, s:s, s:I, s:i, s:o, s:o, s:o?}", "ok", 1, "version", WEIR_VERSION,
        "phase", phase_name(s), "ready", (int)family_is_ready(&s->family), "summary", summary,
        "uptime_ms", (json_int_t)(instant_since_us(loop_now().at, s->started) / US_PER_MS), "pid",
        (int)getpid(), "listen", listen_json(s), "actors", self_actors(s, NULL), "queue", queue);
    must(j);
    if (!queue)
        must(json_object_set_new(j, "queue", json_null()) == 0 &&
             json_object_set_new(j, "queue_error", json_string(why)) == 0);
    return j;
}

/* ---- is it well? ------------------------------------------------------------------------ */

static void add(json_t *list, bool it_is, const char *why)
{
    if (it_is)
        must(json_array_append_new(list, json_string(why)) == 0);
}

/* Reasons are what somebody must look at now; a warning can wait, or was asked for. */
json_t *self_health(const supervisor_t *s, const json_t *queue, const char *why)
{
    char summary[512], damaged[96], mode[64];
    const char *mode_now = json_string_value(json_object_get(queue, "mode"));
    json_int_t rows = json_integer_value(json_object_get(queue, "damaged"));
    json_t *reasons = json_array(), *warnings = json_array();
    family_summary(&s->family, summary, sizeof summary);
    snprintf(damaged, sizeof damaged, "%lld stored rows are damaged; see weirctl store check",
             (long long)rows);
    snprintf(mode, sizeof mode, "the mode is %s", mode_now ? mode_now : "not known");
    add(reasons, s->stop.phase != STOP_NOT, "Weir is stopping");
    add(reasons, !family_is_ready(&s->family), summary);
    add(reasons, !queue, why ? why : "the queue does not tell");
    add(reasons, json_is_true(json_object_get(queue, "disk_low")),
        "the disk is nearly full: new work is refused until there is space");
    add(warnings, rows > 0, damaged);
    add(warnings, json_is_true(json_object_get(queue, "loading")),
        "the queue is still being read after the start");
    add(warnings, mode_now && strcmp(mode_now, "normal") != 0, mode);
    json_t *j = json_pack("{s:b, s:b, s:o, s:o}", "ok", 1, "healthy", json_array_size(reasons) == 0,
                          "reasons", reasons, "warnings", warnings);
    must(j);
    return j;
}

/* ---- what changes ----------------------------------------------------------------------- */

static json_t *stop_json(supervisor_t *s)
{
    const char *before = phase_name(s);
    supervisor_stop(s, EXIT_ASKED, "asked to stop (weirctl)");
    json_t *j = json_pack("{s:b, s:s, s:s, s:s}", "ok", 1, "phase",
                          s->stop.phase == STOP_DRAIN ? "draining" : "stopping", "before", before,
                          "after", phase_name(s));
    must(j);
    return j;
}

/* The limiter's finished copy, which leaves the state directory with this. */
static json_t *take_backup(const supervisor_t *s, int *fd)
{
    char path[512 + sizeof STORE_BACKUP_NAME];
    struct stat st;
    snprintf(path, sizeof path, "%s/" STORE_BACKUP_NAME, s->config->state_dir);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return ctl_failure(404, "there is no finished backup", "begin one: weirctl backup FILE");
    if (fstat(*fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        close(*fd);
        *fd = -1;
        return ctl_failure(409, "the file of the backup is not as the limiter made it",
                           "look who writes into the state directory, then begin another");
    }
    if (unlink(path) < 0)
        log_text(LOG_GENERAL, "%s cannot be removed (errno %d); remove it by hand", path, errno);
    json_t *j = json_pack("{s:b, s:I, s:n, s:n}", "ok", 1, "bytes", (json_int_t)st.st_size,
                          "before", "after");
    must(j);
    return j;
}

/* ---- what there is ---------------------------------------------------------------------- */

static json_t *version_json(void)
{
    json_t *j = json_pack("{s:b, s:s, s:i}", "ok", 1, "version", WEIR_VERSION, "protocol",
                          PROTOCOL_VERSION);
    must(j);
    return j;
}

static json_t *keys_of(const supervisor_t *s, const char *part)
{
    const char *name;
    json_t *value, *list = json_array();
    json_object_foreach(json_object_get(s->config->json, part), name, value)
        must(json_array_append_new(list, json_string(name)) == 0);
    return list;
}

static json_t *names_json(const supervisor_t *s)
{
    json_t *actors = json_array();
    for (size_t i = 0; i < s->family.count; i++)
        if (s->family.children[i].role == CHILD_IN_OFFICE)
            must(json_array_append_new(actors, json_string(s->family.children[i].name)) == 0);
    json_t *j =
        json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "ok", 1, "routes", keys_of(s, "routes"),
                  "sources", keys_of(s, "sources"), "downstreams", keys_of(s, "downstreams"),
                  "limits", keys_of(s, "limits"), "actors", actors);
    must(j);
    return j;
}

static json_t *config_json(const supervisor_t *s)
{
    json_t *j = json_pack("{s:b, s:I, s:O}", "ok", 1, "epoch", (json_int_t)s->config->epoch,
                          "config", s->config->json);
    must(j);
    return j;
}

/* The sample lines of everybody, as each told them last, and how long ago that was. */
static json_t *metrics_json(const supervisor_t *s)
{
    char text[64u << 10];
    instant_t now = loop_now().at;
    size_t len = metrics_samples(s->metrics, actor_name(ACTOR_SUPERVISOR), 0, text, sizeof text);
    json_t *list =
        json_pack("[{s:s, s:i, s:s%}]", "actor", "supervisor", "age_ms", 0, "text", text, len);
    for (size_t i = 0; i < s->family.count; i++) {
        const outside_t *o = &s->outside[i];
        if (!o->stats_len || s->family.children[i].role != CHILD_IN_OFFICE)
            continue;
        json_t *one = json_pack("{s:s, s:I, s:s%}", "actor", s->family.children[i].name, "age_ms",
                                (json_int_t)(instant_since_us(now, o->stats_at) / US_PER_MS),
                                "text", o->stats, o->stats_len);
        must(json_array_append_new(list, one) == 0);
    }
    json_t *j = json_pack("{s:b, s:o}", "ok", 1, "metrics", list);
    must(j);
    return j;
}

json_t *self_answer(supervisor_t *s, const ctl_request_t *request, int *fd)
{
    switch ((int)request->verb->id) {
    case CTL_VERB_ACTORS_LS:
        return json_pack("{s:b, s:o}", "ok", 1, "actors", self_actors(s, NULL));
    case CTL_VERB_STOP:
        return stop_json(s);
    case CTL_VERB_VERSION:
        return version_json();
    case CTL_VERB_NAMES:
        return names_json(s);
    case CTL_VERB_CONFIG_RUNNING:
        return config_json(s);
    case CTL_VERB_METRICS:
        return metrics_json(s);
    case CTL_VERB_BACKUP_TAKE:
        return take_backup(s, fd);
    default:
        return verbs_config(s, request);
    }
}
