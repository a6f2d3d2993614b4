/* check.c: weirctl check: what a start would make of a configuration and, where they are, of its
 * secrets and groups. The code is the supervisor's own. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "input.h"
#include "show.h"
#include "supervisor/ctl_people.h"
#include "supervisor/launch.h"
#include "sys/config.h"
#include "sys/config_found.h"
#include "sys/credentials.h"

typedef struct reader {
    bool json;
    unsigned errors;
} reader_t;

/* {"ok": false, "file", "line", "column", "error"}; the place as far as the line has one.
 */
static json_t *error_json(const char *line)
{
    unsigned row, column;
    int end = 0;
    json_t *j = json_pack("{s:b}", "ok", 0);
    for (const char *at = strchr(line, ':'); at && !end; at = strchr(at + 1, ':')) {
        if (sscanf(at, ":%u:%u: %n", &row, &column, &end) < 2 || !end)
            continue;
        json_t *file = json_stringn(line, (size_t)(at - line));
        must(json_object_set_new(j, "file", file ? file : json_string("?")) == 0 &&
             json_object_set_new(j, "line", json_integer(row)) == 0 &&
             json_object_set_new(j, "column", json_integer(column)) == 0);
        line = at + end;
    }
    json_t *text = json_string(line);
    must(json_object_set_new(j, "error", text ? text : json_string("?")) == 0);
    return j;
}

static void on_error(void *arg, const char *line)
{
    reader_t *r = arg;
    unsigned more = 1;
    sscanf(line, "and %u more", &more); /* the last line, when there are too many */
    r->errors += more;
    if (r->json)
        cli_print_json(error_json(line));
    else
        fprintf(stderr, "%s\n", line);
}

static size_t count_read(const json_t *files)
{
    size_t i, count = 0;
    json_t *file;
    json_array_foreach((json_t *)files, i, file) count +=
        strcmp(text_at(file, "state"), "read") == 0;
    return count;
}

static void show_right(const config_t *c)
{
    size_t drop_ins = count_read(c->files) - 1;
    printf("the configuration is right: %zu routes, %zu sources, %zu downstreams, %zu limits",
           c->route_count, c->source_count, c->downstream_count, c->named_limits);
    printf(drop_ins ? "; with %zu drop-in%s\n" : "\n", drop_ins, drop_ins == 1 ? "" : "s");
    for (size_t i = 0; i < c->route_count; i++)
        printf("  %-20s POST %s\n", c->routes[i].name, c->routes[i].path);
}

/* ---- secrets ---------------------------------------------------------------------------- */

/* False: `why` says which one cannot be used, or that nobody looked. */
static bool secrets_are_there(const char *file, const config_t *c, char *why, size_t size)
{
    launch_t launch = {.config = c};
    const char *which = NULL;
    if (!credentials_directory(file, launch.credentials, sizeof launch.credentials)) {
        snprintf(why, size, "the path is too long");
        return false;
    }
    int error = launch_check_secrets(&launch, &which);
    if (error == -EACCES && geteuid() != 0)
        snprintf(why, size, "this user may not look at the secrets in %s; root may",
                 launch.credentials);
    else if (error)
        credential_explain(launch.credentials, which ? which : "?", error, why, size);
    return error == 0;
}

/* What this host lacks, and the one that Weir will run on may have; NULL: nothing. */
typedef struct lacks {
    const char *secrets, *groups;
} lacks_t;

static void say_lack(const char *lack)
{
    if (lack)
        printf("to be known: %s; a start may be refused for it\n", lack);
}

static int say_right(const cli_t *cli, const config_t *c, const lacks_t *lacks)
{
    if (cli->json) {
        json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:O, s:b, s:s*, s:b, s:s*}", "routes",
                              (json_int_t)c->route_count, "sources", (json_int_t)c->source_count,
                              "downstreams", (json_int_t)c->downstream_count, "limits",
                              (json_int_t)c->named_limits, "files", c->files, "secrets",
                              !lacks->secrets, "secrets_error", lacks->secrets, "groups",
                              !lacks->groups, "groups_error", lacks->groups);
        must(j);
        cli_print_json(j);
        return EXIT_OK;
    }
    show_right(c);
    say_lack(lacks->secrets);
    say_lack(lacks->groups);
    return EXIT_OK;
}

int run_check(const cli_t *cli)
{
    const char *typed = cli_value(cli, "file");
    const char *file = typed ? typed : input_config_file(cli);
    reader_t reader = {.json = cli->json};
    config_found_t found;
    char why[512], no_group[512];
    ctl_people_t people;
    if (config_find(file, &found, on_error, &reader) < 0) {
        if (!cli->json)
            cli_complain(0, "%s: %u error%s; Weir would not start with it", file, reader.errors,
                         reader.errors == 1 ? "" : "s");
        return EXIT_CONFIG;
    }
    config_t *c = config_load_found(&found);
    int code = EXIT_OK;
    bool there = secrets_are_there(file, c, why, sizeof why);
    if (!there && cli_value(cli, "secrets")) {
        on_error(&reader, why);
        code = EXIT_CONFIG;
    } else {
        bool groups = ctl_people_find(&people, c, no_group, sizeof no_group) == 0;
        code = say_right(cli, c, &(lacks_t){there ? NULL : why, groups ? NULL : no_group});
    }
    config_destroy(&c);
    return code;
}
