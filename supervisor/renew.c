/* renew.c: the configuration is read again: what changed, whom it concerns, who hears of it.
 * Refused as a whole or brought in as a whole (replace.c); also the restart of actors that a person
 * asks for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/supervisor.h"
#include "sys/config_diff.h"
#include "sys/notify.h"

#define ALL_KINDS ((1u << ACTOR_COUNT) - 1)
#define LINES_MAX 20u       /* of errors, as config_read() has them */
#define CHANGES_LOGGED 12u  /* the others are only counted */
#define VALUE_BYTES_MAX 64u /* of a value in the journal */

/* ---- who hears of it -------------------------------------------------------------------- */

static void answer(supervisor_t *s, uint64_t token, json_t *said)
{
    if (token)
        ctl_server_answer(s->ctl, token, said);
    else
        json_decref(said);
}

/* Takes `lines`, an array of texts or NULL. Nothing has changed. */
static void refuse(supervisor_t *s, uint64_t token, const char *who, unsigned status,
                   const char *error, const char *hint, json_t *lines)
{
    size_t n;
    json_t *line, *said = ctl_failure(status, error, hint);
    log_text(LOG_RELOAD_FAILED, "%s by %s; the running configuration stays, work goes on", error,
             who);
    json_array_foreach(lines, n, line) log_text(LOG_CONFIG_BAD, "%s", json_string_value(line));
    if (lines)
        must(json_object_set_new(said, "errors", lines) == 0);
    answer(s, token, said);
}

/* Lists, templates and headers are told as changed only: they are long, and may hold what is
 * nobody's business. */
static const char *value_text(const json_t *value, char *out, size_t size)
{
    if (!value)
        return "nothing";
    if (json_is_array(value) || json_is_object(value))
        return "...";
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    must(text);
    snprintf(out, size, "%s", text);
    free(text);
    return out;
}

static void log_changes(const json_t *changes, const char *who)
{
    size_t n;
    json_t *c;
    char was[VALUE_BYTES_MAX], is[VALUE_BYTES_MAX];
    json_array_foreach(changes, n, c)
    {
        if (n < CHANGES_LOGGED)
            log_text(LOG_RELOADED, "%s: %s -> %s (%s)",
                     json_string_value(json_object_get(c, "key")),
                     value_text(json_object_get(c, "before"), was, sizeof was),
                     value_text(json_object_get(c, "after"), is, sizeof is), who);
    }
    if (n > CHANGES_LOGGED)
        log_text(LOG_RELOADED, "and %zu more changes (%s)", n - CHANGES_LOGGED, who);
}

/* ---- what changed ----------------------------------------------------------------------- */

static json_t *changes_of(const config_diff_t *diff)
{
    json_t *list = json_array();
    for (size_t i = 0; i < diff->count; i++) {
        const config_change_t *c = &diff->changes[i];
        json_t *item =
            json_pack("{s:s, s:O?, s:O?}", "key", c->path, "before", c->before, "after", c->after);
        must(item && json_array_append_new(list, item) == 0);
    }
    return list;
}

static json_t *keys_that_need_a_restart(const config_diff_t *diff)
{
    json_t *list = json_array();
    for (size_t i = 0; i < diff->count; i++)
        if (diff->changes[i].restart)
            must(json_array_append_new(list, json_string(diff->changes[i].path)) == 0);
    return list;
}

/* Whose secrets are others now, as bits; each is a line of the answer. */
static unsigned secrets_changed(const supervisor_t *s, const launch_t *next, json_t *changes)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < ROSTER_COUNT; i++) {
        char key[64];
        sha256_t print;
        bytes_t salt = bytes_of(s->print_key, sizeof s->print_key);
        if (launch_secrets_print(next, &roster[i], salt, &print) < 0 ||
            memcmp(&print, &s->secret_prints[i], sizeof print) == 0)
            continue;
        kinds |= 1u << roster[i].actor;
        snprintf(key, sizeof key, "secrets of the %s", actor_name(roster[i].actor));
        json_t *item = json_pack("{s:s, s:s, s:s}", "key", key, "before", "old", "after", "new");
        must(item && json_array_append_new(changes, item) == 0);
    }
    return kinds;
}

/* ---- the reload ------------------------------------------------------------------------- */

static void keep_line(void *arg, const char *line)
{
    if (json_array_size(arg) < LINES_MAX)
        must(json_array_append_new(arg, json_string(line)) == 0);
}

/* False: there is one under way, or the end. */
static bool may_begin(supervisor_t *s, uint64_t token, const char *who)
{
    if (s->stop.phase != STOP_NOT) {
        refuse(s, token, who, 409, "not now: Weir is stopping", NULL, NULL);
        return false;
    }
    if (!replace_runs(s))
        return true;
    if (token) {
        refuse(s, token, who, 409, "not now: actors are being replaced already",
               "try again in a moment; weirctl actors ls shows how far it is", NULL);
    } else {
        s->reload_again = true;
        log_text(LOG_GENERAL, "%s: actors are being replaced already; again after that", who);
    }
    return false;
}

/* The next configuration and what its actors are born with; false: refused. */
static bool read_next(supervisor_t *s, uint64_t token, const char *who, replacement_t *r)
{
    char why[512];
    json_t *lines = json_array();
    r->config = setup_config(&s->options, keep_line, lines);
    if (!r->config) {
        refuse(s, token, who, 422, "the configuration is wrong: reload refused",
               "weirctl check shows the same errors", lines);
        return false;
    }
    r->launch = s->launch;
    if (setup_launch(&s->options, r->config, &r->launch, why, sizeof why) < 0) {
        keep_line(lines, why);
        refuse(s, token, who, 422, "a secret cannot be used: reload refused", NULL, lines);
        return false;
    }
    json_decref(lines);
    return true;
}

static json_t *epoch_of(const config_t *config) { return json_integer((json_int_t)config->epoch); }

static void say_nothing_changed(supervisor_t *s, uint64_t token, const char *who)
{
    log_text(LOG_RELOADED, "reload by %s: nothing has changed", who);
    answer(s, token,
           json_pack("{s:b, s:[], s:i, s:o, s:o}", "ok", 1, "changes", "replaced", 0, "before",
                     epoch_of(s->config), "after", epoch_of(s->config)));
}

static void begin(supervisor_t *s, replacement_t *r, uint64_t token, const char *who)
{
    r->token = token;
    snprintf(r->who, sizeof r->who, "%s", who);
    s->replacement = *r;
    if (r->changes && s->told_ready)
        notify_reloading("replacing actors");
    replace_begin(s);
}

/* Takes what `r` holds. */
static void compare_and_begin(supervisor_t *s, replacement_t *r, uint64_t token, const char *who)
{
    config_diff_t *diff = config_diff_new(s->config->json, r->config->json);
    json_t *keys = diff->restart ? keys_that_need_a_restart(diff) : NULL;
    r->changes = changes_of(diff);
    r->kinds = secrets_changed(s, &r->launch, r->changes);
    if (diff->count > 0)
        r->kinds = ALL_KINDS;
    config_diff_destroy(&diff);
    if (keys) {
        refuse(s, token, who, 422,
               "these keys need a restart (systemctl restart weir): reload refused",
               "change the others only, or restart", keys);
    } else if (r->kinds == 0) {
        say_nothing_changed(s, token, who);
    } else {
        r->before = epoch_of(s->config);
        begin(s, r, token, who);
        return;
    }
    renew_forget(r);
}

void renew_reload(supervisor_t *s, uint64_t token, const char *who)
{
    replacement_t r = {0};
    if (!may_begin(s, token, who))
        return;
    if (read_next(s, token, who, &r))
        compare_and_begin(s, &r, token, who);
    else
        renew_forget(&r);
}

/* ---- the restart of actors -------------------------------------------------------------- */

static void restart(supervisor_t *s, uint64_t token, const char *who, const char *name)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < s->family.count; i++) {
        const child_t *c = &s->family.children[i];
        if (c->role == CHILD_IN_OFFICE && family_means(c, name))
            kinds |= 1u << c->actor;
    }
    if (kinds == 0) {
        answer(s, token,
               ctl_failure(404, "there is no such actor", "see weirctl actors ls for the names"));
        return;
    }
    if (!may_begin(s, token, who))
        return;
    replacement_t r = {.kinds = kinds, .launch = s->launch, .before = self_actors(s, name)};
    snprintf(r.name, sizeof r.name, "%s", name);
    begin(s, &r, token, who);
}

bool renew_takes(supervisor_t *s, uint64_t token, const char *who, const ctl_request_t *request)
{
    if (request->verb->id == CTL_VERB_RELOAD)
        renew_reload(s, token, who);
    else if (request->verb->id == CTL_VERB_ACTORS_RESTART)
        restart(s, token, who, json_string_value(json_object_get(request->args, "name")));
    else
        return false;
    return true;
}

/* ---- the end ---------------------------------------------------------------------------- */

static size_t begun_of(const supervisor_t *s, const replacement_t *r)
{
    size_t n = 0;
    for (size_t i = 0; i < s->family.count; i++) {
        const child_t *c = &s->family.children[i];
        n += c->role == CHILD_IN_OFFICE && !instant_before(c->since, r->began);
    }
    return n;
}

static void say_done(supervisor_t *s, replacement_t *r)
{
    long long took_ms = (long long)(instant_since_us(loop_now().at, r->began) / US_PER_MS);
    size_t replaced = begun_of(s, r);
    json_t *after = r->changes ? epoch_of(s->config) : self_actors(s, r->name);
    json_t *said = json_pack("{s:b, s:I, s:I, s:O, s:o}", "ok", 1,
                             r->changes ? "replaced" : "restarted", (json_int_t)replaced, "took_ms",
                             (json_int_t)took_ms, "before", r->before, "after", after);
    must(said);
    if (r->changes) {
        log_changes(r->changes, r->who);
        must(json_object_set(said, "changes", r->changes) == 0);
    }
    log_text(LOG_RELOADED, "%s by %s: %zu actors replaced in %lld ms",
             r->changes ? "reloaded" : "restarted", r->who, replaced, took_ms);
    answer(s, r->token, said);
}

/* A limiter that was restarted has no predecessor to go back to. */
static void say_failed(supervisor_t *s, const replacement_t *r)
{
    char error[sizeof r->why + 32];
    if (r->plan.touched_limiter && !r->config) {
        log_text(LOG_CTL, "actors.restart by %s: failed, %s; nothing is accepted until it is ready",
                 r->who, r->why);
        answer(s, r->token,
               ctl_failure(503, r->why,
                           "nothing is accepted until it is ready; weirctl actors ls shows how it "
                           "stands, the journal says more"));
        return;
    }
    snprintf(error, sizeof error, "rolled back: %s", r->why);
    refuse(s, r->token, r->who, 503, error, "nothing has changed; the journal says more", NULL);
}

void renew_ended(supervisor_t *s, bool ok)
{
    replacement_t r = s->replacement;
    bool reloads = r.changes != NULL;
    if (ok)
        say_done(s, &r);
    else
        say_failed(s, &r);
    renew_forget(&r);
    s->replacement = (replacement_t){0};
    s->reloaded = reloads && s->told_ready;
    s->changed = true;
}

void renew_forget(replacement_t *r)
{
    if (r->config)
        free(r->launch.config_text);
    r->launch.config_text = NULL;
    config_destroy(&r->config);
    json_decref(r->changes);
    json_decref(r->before);
    r->changes = r->before = NULL;
}
