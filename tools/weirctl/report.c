/* report.c: one file for whoever helps: what runs, how it is configured, its numbers, what happened
 * lately. No message is in it: no body, no key, no label; and no secret: the configuration names
 * them only, and what stands in headers or in front of an @ in an address is left out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "input.h"
#include "show.h"
#include "store/sqlite_check.h"
#include "sys/config_found.h"

#define LEFT_OUT "(left out)"
#define JOURNAL_LINES "300"

static void section(FILE *out, const char *name) { fprintf(out, "\n===== %s =====\n", name); }

/* ---- what must not be told -------------------------------------------------------------- */

/* Members that hold what people put there: of messages, or possibly a secret. */
static bool is_private(const char *name)
{
    static const char *const names[] = {"headers", "key", "labels", "body", "trace", "reason"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* "https://user:word@host/" without what is in front of the @. */
static json_t *without_user(const char *text)
{
    const char *scheme = strstr(text, "://"), *at = scheme ? strchr(scheme + 3, '@') : NULL;
    const char *path = scheme ? strchr(scheme + 3, '/') : NULL;
    if (!at || (path && path < at))
        return json_string(text);
    return json_sprintf("%.*s%s%s", (int)(scheme + 3 - text), text, LEFT_OUT, at);
}

static json_t *redacted(const json_t *value)
{
    const char *name;
    size_t i;
    json_t *child, *copy;
    if (json_is_string(value))
        return without_user(json_string_value(value));
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, child) must(json_array_append_new(copy, redacted(child)) == 0);
        return copy;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach((json_t *)value, name, child) must(
        json_object_set_new(copy, name,
                            is_private(name) && !json_is_integer(child) ? json_string(LEFT_OUT)
                                                                        : redacted(child)) == 0);
    return copy;
}

static void put_json(FILE *out, const json_t *value)
{
    json_t *clean = redacted(value), *line;
    size_t i;
    if (json_is_array(clean)) {
        json_array_foreach(clean, i, line)
        {
            json_dumpf(line, out, JSON_COMPACT);
            fputc('\n', out);
        }
    } else {
        json_dumpf(clean, out, JSON_INDENT(1));
        fputc('\n', out);
    }
    json_decref(clean);
}

/* ---- what Weir says --------------------------------------------------------------------- */

static void put_answer(FILE *out, const cli_t *cli, enum ctl_verb_id verb, const char *part)
{
    json_t *answer = client_ask_quietly(cli, ctl_verbs[verb].name, json_object());
    section(out, ctl_verbs[verb].name);
    if (!answer) {
        fputs("no answer\n", out);
        return;
    }
    put_json(out, part && json_object_get(answer, part) ? json_object_get(answer, part) : answer);
    json_decref(answer);
}

static void put_metrics(FILE *out, const cli_t *cli)
{
    size_t i;
    json_t *m, *answer = client_ask_quietly(cli, ctl_verbs[CTL_VERB_METRICS].name, json_object());
    section(out, "metrics");
    json_array_foreach(json_object_get(answer, "metrics"), i, m)
        fprintf(out, "# %s\n%s", json_string_value(json_object_get(m, "actor")),
                json_string_value(json_object_get(m, "text")));
    json_decref(answer);
}

static void put_running(FILE *out, const cli_t *cli)
{
    put_answer(out, cli, CTL_VERB_HEALTH, NULL);
    put_answer(out, cli, CTL_VERB_STATUS, NULL);
    put_answer(out, cli, CTL_VERB_MODE_SHOW, NULL);
    put_answer(out, cli, CTL_VERB_LIMITS_LS, NULL);
    put_answer(out, cli, CTL_VERB_REDRIVE_STATUS, NULL);
    put_answer(out, cli, CTL_VERB_CONFIG_RUNNING, "config");
    put_answer(out, cli, CTL_VERB_CONFIG_DIFF, "changes");
    put_answer(out, cli, CTL_VERB_EVENTS, "events");
    put_metrics(out, cli);
}

/* ---- what can be seen of one that does not run ------------------------------------------ */

static void on_config_error(void *arg, const char *line) { fprintf(arg, "%s\n", line); }

static void put_store(FILE *out, const char *directory)
{
    store_check_t found;
    char why[512];
    section(out, ctl_verbs[CTL_VERB_STORE_CHECK].name);
    if (store_check(directory, &found, why, sizeof why) < 0) {
        fprintf(out, "%s\n", why);
        return;
    }
    json_t *j = store_check_json(ctl_verbs[CTL_VERB_STORE_CHECK].name, &found);
    put_json(out, j);
    json_decref(j);
}

/* The configuration as a start would read it, in the form that a running one is shown in, and the
 * store as it lies there. */
static void put_stopped(FILE *out, const cli_t *cli)
{
    config_found_t found;
    fputs("Weir does not run, or does not talk to this user\n", out);
    section(out, "config");
    if (config_find(input_config_file(cli), &found, on_config_error, out) < 0)
        return;
    put_json(out, found.json);
    put_store(out, text_at(found.json, "state_dir"));
    config_found_clear(&found);
}

/* ---- what the host says ----------------------------------------------------------------- */

/* A program's output, as long as it is there and may be read. No shell. */
static void put_program(FILE *out, const char *name, const char *const argv[])
{
    int both[2];
    char block[4096];
    section(out, name);
    fflush(out);
    if (pipe2(both, O_CLOEXEC) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(both[1], STDOUT_FILENO);
        dup2(both[1], STDERR_FILENO);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(both[1]);
    for (ssize_t n; pid > 0 && (n = read(both[0], block, sizeof block)) > 0;)
        fwrite(block, 1, (size_t)n, out);
    close(both[0]);
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0)
        fprintf(out, "(%s ended with %d)\n", argv[0],
                WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

static void put_host(FILE *out)
{
    struct utsname u;
    section(out, "host");
    if (uname(&u) == 0)
        fprintf(out, "%s %s %s\n", u.sysname, u.release, u.machine);
    fprintf(out, "weirctl %s; %ld processors\n", WEIR_VERSION, sysconf(_SC_NPROCESSORS_ONLN));
    put_program(out, "systemd", (const char *[]){"systemctl", "--version", NULL});
    put_program(out, "unit",
                (const char *[]){"systemctl", "--no-pager", "show", "weir.service",
                                 "--property=ActiveState,SubState,NRestarts,Result", NULL});
    put_program(out, "journal, without the fields of messages",
                (const char *[]){"journalctl", "--no-pager", "--unit=weir.service",
                                 "--lines=" JOURNAL_LINES, "--output=short-iso", NULL});
}

/* ---- the file --------------------------------------------------------------------------- */

static void put_all(FILE *out, const cli_t *cli)
{
    char now[64] = "";
    time_t seconds = time(NULL);
    struct tm at;
    if (gmtime_r(&seconds, &at))
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &at);
    fprintf(
        out,
        "Report of Weir, made %s by weirctl %s.\nIn it: versions, the configuration (secrets by "
        "name only), states, numbers, events, or whether the store is whole; the journal's last "
        "lines.\nNot in it: secrets, "
        "bodies, keys and labels of messages. Read it before you hand it on.\n",
        now, WEIR_VERSION);
    json_t *runs = client_ask_quietly(cli, ctl_verbs[CTL_VERB_VERSION].name, json_object());
    section(out, ctl_verbs[CTL_VERB_VERSION].name);
    if (runs)
        put_json(out, runs);
    (runs ? put_running : put_stopped)(out, cli);
    json_decref(runs);
    put_host(out);
}

int run_report(const cli_t *cli)
{
    char name[64] = "weir-report.txt";
    const char *file = cli_value(cli, "output");
    time_t seconds = time(NULL);
    struct tm at;
    if (file && strcmp(file, "-") == 0) {
        put_all(stdout, cli);
        return EXIT_OK;
    }
    if (!file && gmtime_r(&seconds, &at))
        strftime(name, sizeof name, "weir-report-%Y%m%dT%H%M%SZ.txt", &at);
    file = file ? file : name;
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out)
        return cli_complain(EXIT_CANNOT_WRITE, "%s: %s; name another with --output", file,
                            strerror(errno));
    put_all(out, cli);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed)
        return cli_complain(EXIT_CANNOT_WRITE, "%s could not be written whole", file);
    if (cli->json)
        cli_print_json(
            json_pack("{s:s, s:b, s:s}", "schema", "weir.report/1", "ok", 1, "file", file));
    else
        printf("%s is written; read it before you hand it on\n", file);
    return EXIT_OK;
}
