/* setup.c: everything that may refuse to start: configuration, secrets, directories, locks,
 * sockets. Each refusal is one clear line that says what to do. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/place.h"
#include "supervisor/supervisor.h"
#include "sys/config_found.h"
#include "sys/cleared.h"
#include "sys/credentials.h"
#include "sys/loop.h"
#include "sys/process.h"

static int refuse(int code, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(int code, int error, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (error && n > 0 && (size_t)n < sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, ": %s", strerror(-error));
    log_write(&(log_line_t){.event = code == EXIT_CONFIG ? LOG_CONFIG_BAD : LOG_NOT_STARTED,
                            .text = text,
                            .error = error});
    return code;
}

/* ---- configuration ---------------------------------------------------------------------- */

/* The command line wins, and the actors must see what holds: it goes into the checked form. */
static void override(config_found_t *found, const options_t *o)
{
    if (o->state_dir)
        config_found_override(found, "state_dir", json_string(o->state_dir), "--state");
    if (o->run_dir)
        config_found_override(found, "run_dir", json_string(o->run_dir), "--run");
    if (o->foreground)
        config_found_override(found, "log.journal", json_false(), "--foreground");
}

static void on_config_error(void *arg, const char *line)
{
    (void)arg;
    log_text(LOG_CONFIG_BAD, "%s", line);
}

config_t *setup_config(const options_t *o, void (*report)(void *, const char *), void *arg)
{
    config_found_t found;
    if (config_find(o->config, &found, report, arg) < 0)
        return NULL;
    override(&found, o);
    return config_load_found(&found);
}

int setup_launch(const options_t *o, const config_t *config, launch_t *l, char *why, size_t size)
{
    const char *which = NULL;
    l->config = config;
    l->config_text = json_dumps(config->json, JSON_COMPACT);
    must(l->config_text);
    if (!credentials_directory(o->config, l->credentials, sizeof l->credentials)) {
        snprintf(why, size, "the path is too long");
        return -EINVAL;
    }
    int error = launch_check_secrets(l, &which);
    if (!error)
        return 0;
    credential_explain(l->credentials, which ? which : "?", error, why, size);
    return -EINVAL;
}

static int prepare_launch(supervisor_t *s)
{
    char why[512];
    s->launch = (launch_t){.listeners = &s->listeners, .lock = -1};
    return setup_launch(&s->options, s->config, &s->launch, why, sizeof why)
               ? refuse(EXIT_CONFIG, 0, "%s: %s", s->options.config, why)
               : 0;
}

/* ---- places ----------------------------------------------------------------------------- */

static int find_user(supervisor_t *s)
{
    const char *name = s->config->supervisor.user;
    if (!*name || geteuid() != 0)
        return 0;
    int error = jail_user(name, &s->launch.user);
    s->launch.has_user = !error;
    return error
               ? refuse(EXIT_CONFIG, error, "supervisor.user: there is no usable user \"%s\"", name)
               : 0;
}

/* A directory of groups that does not answer may do so later. */
static int find_people(supervisor_t *s)
{
    char why[512];
    int error = ctl_people_find(&s->people, s->config, why, sizeof why);
    return error ? refuse(error == -ENOENT ? EXIT_CONFIG : EXIT_AGAIN, 0, "%s", why) : 0;
}

/* Others may pass through the run directory only when a group may talk to us; the sockets in it are
 * our own (0600), but for ctl.sock. */
static mode_t run_dir_mode(const config_t *c)
{
    bool has_groups =
        *c->supervisor.viewer_group || *c->supervisor.operator_group || *c->supervisor.admin_group;
    return has_groups ? 0711 : 0700;
}

/* As the unit has it, only its own directories may be written. */
static int refuse_place(const char *key, const char *path, int error)
{
    return refuse(EXIT_CONFIG, error, "%s %s cannot be used%s", key, path,
                  error == -EROFS ? " (of weir.service, ReadWritePaths= says what may be written)"
                                  : "");
}

static int take_places(supervisor_t *s)
{
    const config_t *c = s->config;
    const jail_user_t *user = s->launch.has_user ? &s->launch.user : NULL;
    int error = place_directory(c->run_dir, run_dir_mode(c), user);
    if (error)
        return refuse_place("run_dir", c->run_dir, error);
    error = place_directory(c->state_dir, 0700, user);
    if (error)
        return refuse_place("state_dir", c->state_dir, error);
    s->own_lock = place_lock_supervisor(c->run_dir);
    if (s->own_lock == -EBUSY)
        return refuse(EXIT_AGAIN, 0,
                      "another weir-supervisor runs in %s; stop it (weirctl stop), or give this "
                      "one a run_dir of its own (--run DIR)",
                      c->run_dir);
    if (s->own_lock < 0)
        return refuse(EXIT_AGAIN, s->own_lock, "%s/supervisor.lock cannot be locked", c->run_dir);
    s->launch.lock = place_lock_actors(c->run_dir);
    if (s->launch.lock == -ETIMEDOUT)
        return refuse(EXIT_AGAIN, 0,
                      "actors of an earlier supervisor still hold %s/weir.lock; who they are: "
                      "fuser %s/weir.lock",
                      c->run_dir, c->run_dir);
    return s->launch.lock < 0
               ? refuse(EXIT_AGAIN, s->launch.lock, "%s/weir.lock cannot be locked", c->run_dir)
               : 0;
}

static int open_listeners(supervisor_t *s)
{
    const char *which;
    int error = listeners_open(&s->listeners, s->config, &which);
    if (error == -EADDRINUSE)
        return refuse(EXIT_AGAIN, error, "http.listen %s: another program listens there", which);
    const char *advice = error == -EACCES
                             ? " (a port below 1024 is not for this user: take another, "
                               "or let weir.socket open it)"
                         : error == -EADDRNOTAVAIL ? " (this host has no such address)"
                                                   : "";
    return error ? refuse(EXIT_CONFIG, error, "http.listen %s%s", which, advice) : 0;
}

/* ---- the rest --------------------------------------------------------------------------- */

child_policy_t setup_policy(const config_t *c)
{
    return (child_policy_t){
        .ready_us = c->supervisor.ready_ms * US_PER_MS,
        .hang_us = c->supervisor.hang_ms * US_PER_MS,
        .restart = {.min_us = c->supervisor.restart_min_ms * US_PER_MS,
                    .max_us = c->supervisor.restart_max_ms * US_PER_MS,
                    .forget_us = c->supervisor.forget_ms * US_PER_MS,
                    .burst_us = c->supervisor.burst_ms * US_PER_MS,
                    .failed_retry_us = c->supervisor.failed_retry_ms * US_PER_MS,
                    .burst = c->supervisor.burst}};
}

static void prepare_family(supervisor_t *s)
{
    family_init(&s->family, s->config, loop_now().at);
    for (size_t i = 0; i < FAMILY_MAX; i++)
        s->outside[i] = (outside_t){.supervisor = s, .child = &s->family.children[i]};
    s->policy = setup_policy(s->config);
    s->chance = rand_seeded(process_seed());
    for (size_t i = 0; i < sizeof s->print_key; i += sizeof(uint64_t)) {
        uint64_t chance = process_seed();
        memcpy(s->print_key + i, &chance, sizeof chance);
    }
    for (size_t i = 0; i < ROSTER_COUNT; i++)
        launch_secrets_print(&s->launch, &roster[i], bytes_of(s->print_key, sizeof s->print_key),
                             &s->secret_prints[i]);
    s->metrics = metrics_new();
    metrics_set(s->metrics, METRIC_BUILD_INFO, bytes_str(WEIR_VERSION), 1);
    /* Told from the first day, so that a rise is seen. */
    for (size_t i = 0; i < s->family.count; i++)
        metrics_add(s->metrics, METRIC_RESTARTS, bytes_str(actor_name(s->family.children[i].actor)),
                    0);
}

static int open_sockets(supervisor_t *s)
{
    verbs_listen(s);
    s->loop = loop_new();
    int error = peers_open(s);
    if (error)
        return refuse(EXIT_AGAIN, error, "%s/supervisor.sock cannot be opened", s->config->run_dir);
    error = ctl_server_open(s->loop, s->config->run_dir, &s->people, verbs_request, s, &s->ctl);
    return error ? refuse(EXIT_AGAIN, error, "%s/ctl.sock cannot be opened", s->config->run_dir)
                 : 0;
}

int supervisor_open(supervisor_t *s, const options_t *options)
{
    *s = (supervisor_t){.options = *options, .own_lock = -1, .launch = {.lock = -1}};
    umask(077);
    process_hide(); /* secrets pass through, and what looks at them leaves no copies */
    cleared_openssl();
    log_open("supervisor", 0, "info",
             false); /* who started us reads stderr, until we know better */
    s->config = setup_config(options, on_config_error, NULL);
    if (!s->config)
        return refuse(EXIT_CONFIG, 0, "%s is refused; nothing was started", options->config);
    log_open("supervisor", 0, s->config->log.level, s->config->log.journal);
    int code = prepare_launch(s);
    if (code == 0 && launch_find_programs(&s->launch) < 0)
        code = refuse(EXIT_CONFIG, 0,
                      "the actors' programs are not there: set WEIR_LIBEXEC to their folder");
    if (code == 0)
        code = find_user(s);
    if (code == 0)
        code = find_people(s);
    if (code == 0)
        code = take_places(s);
    if (code == 0)
        code = open_listeners(s);
    if (code == 0)
        prepare_family(s);
    return code ? code : open_sockets(s);
}

void supervisor_close(supervisor_t *s)
{
    ctl_server_close(&s->ctl);
    verbs_deaf(s);
    zlink_close(&s->router, 0);
    links_destroy(&s->links);
    frame_builder_destroy(&s->builder);
    for (size_t i = 0; i < s->family.count; i++) {
        loop_remove(&s->outside[i].watch);
        free(s->outside[i].stats);
    }
    loop_destroy(&s->loop);
    metrics_destroy(&s->metrics);
    listeners_close(&s->listeners);
    if (s->own_lock >= 0)
        close(s->own_lock);
    if (s->launch.lock >= 0)
        close(s->launch.lock);
    renew_forget(&s->replacement);
    free(s->launch.config_text);
    config_destroy(&s->config);
}
