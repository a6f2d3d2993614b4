/* report.c: one file for whoever helps: what runs, how it is configured, its numbers, what happened
 * lately. No message is in it: no body, no key, no label; no reason that a person typed; and no
 * secret: the configuration names them only, and what stands in headers or in front of an @ in an
 * address is left out. */
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
#include "sys/log_names.h"

#define LEFT_OUT "(left out)"
#define JOURNAL_LINES "300"
#define JOURNAL_LINE_BYTES (64u << 10)

static const char *time_text(time_t seconds, char out[64])
{
    struct tm at;
    bool known = gmtime_r(&seconds, &at);
    out[known ? strftime(out, 64, "%Y-%m-%dT%H:%M:%SZ", &at) : 0] = '\0';
    return out;
}

static void section(FILE *out, const char *name) { fprintf(out, "\n===== %s =====\n", name); }

/* ---- what must not be told -------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Members that hold what people put there: of messages, why they did it, or possibly a secret. */
static bool is_private(const char *name)
{
    static const char *const names[] = {"headers", "key",      "labels",    "body",
                                        "trace",   "reason",   "value",     "values",
                                        "why",     "safe_why", "paused_why"};
    return is_one_of(name, names, COUNT_OF(names));
}

/* "limits.set by uid 0, pid 7: before -> after" and "limits.set asked by uid 0, pid 7: arguments":
 * which verb, and who. Where the arguments come first, only the verb. */
static json_t *without_arguments(const char *text)
{
    size_t verb = strcspn(text, " "), arguments = strcspn(text, "{");
    const char *by = strstr(text, " by "), *end = by ? strstr(by, ": ") : NULL;
    bool told = end && arguments > (size_t)(end - text);
    return json_sprintf("%.*s " LEFT_OUT, told ? (int)(end - text) + 1 : (int)verb, text);
}

/* What is said in a line of this kind. */
static json_t *said(const char *kind, const char *text)
{
    static const char *const changes[] = {"ctl", "limit_changed"};
    if (strcmp(kind, "lease_reclaimed") == 0) /* a lease's name is its holder's */
        return json_string(LEFT_OUT);
    return is_one_of(kind, changes, COUNT_OF(changes)) ? without_arguments(text)
                                                       : json_string(text);
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

static json_t *redacted(const json_t *value);

/* Of a label's value only the numbers: one member has the label's name. */
static json_t *numbers_of(const json_t *rows)
{
    const char *name;
    size_t i;
    json_t *row, *child, *copy, *all = json_array();
    json_array_foreach(rows, i, row)
    {
        copy = json_object();
        json_object_foreach(row, name, child) if (json_is_number(child) || json_is_boolean(child))
            must(json_object_set(copy, name, child) == 0);
        must(json_array_append_new(all, copy) == 0);
    }
    return all;
}

static json_t *member_redacted(const json_t *of, const char *name, const json_t *value)
{
    const char *kind = json_string_value(json_object_get(of, "kind"));
    if (strcmp(name, "by_value") == 0)
        return numbers_of(value);
    if (strcmp(name, "text") == 0 && kind && json_is_string(value))
        return said(kind, json_string_value(value));
    if (is_private(name) && !json_is_integer(value))
        return json_string(LEFT_OUT);
    return redacted(value);
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
    json_object_foreach((json_t *)value, name, child)
        must(json_object_set_new(copy, name, member_redacted(value, name, child)) == 0);
    return copy;
}

static void put_json(FILE *out, const json_t *value)
{
    json_t *clean = show_safely(redacted(value)), *line;
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

/* A limit that is told with a label's value is not among the names. */
static void put_events(FILE *out, const cli_t *cli)
{
    size_t i, n;
    json_t *e, *name;
    json_t *names = client_ask_quietly(cli, ctl_verbs[CTL_VERB_NAMES].name, json_object()),
           *answer = client_ask_quietly(cli, ctl_verbs[CTL_VERB_EVENTS].name, json_object());
    section(out, ctl_verbs[CTL_VERB_EVENTS].name);
    json_array_foreach(json_object_get(answer, "events"), i, e)
    {
        const json_t *limit = json_object_get(e, "limit");
        bool known = !limit || strchr(json_string_value(limit), ':');
        json_array_foreach(json_object_get(names, "limits"), n, name) known =
            known || json_equal(name, limit);
        if (!known)
            must(json_object_set_new(e, "limit", json_string(LEFT_OUT)) == 0);
    }
    if (answer)
        put_json(out, json_object_get(answer, "events"));
    else
        fputs("no answer\n", out);
    json_decref(names);
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
    put_events(out, cli);
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

/* A program's output, as long as it is there and may be read; its complaints as they are. No shell.
 */
static void put_program(FILE *out, const char *name, const char *const argv[],
                        void (*put)(FILE *out, FILE *in))
{
    int ends[2];
    section(out, name);
    fflush(out);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(fileno(out), STDERR_FILENO);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    must(in);
    put(out, in);
    fclose(in);
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0)
        fprintf(out, "(%s ended with %d)\n", argv[0],
                WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

static void put_as_it_is(FILE *out, FILE *in)
{
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;)
        fwrite(block, 1, n, out);
}

static const char *kind_of(const char *message_id)
{
    static const char *const ids[] = {
#define LOG_EVENT(NAME, id, level, text) id,
#include "sys/log_events.def"
#undef LOG_EVENT
    };
    for (unsigned i = 0; message_id && i < COUNT_OF(ids); i++)
        if (strcmp(message_id, ids[i]) == 0)
            return log_event_name(i);
    return "";
}

/* When, who, and the sentence: without the fields, which follow it after two spaces, and without
 * objects, also where the line's kind is not told because it came over stderr. */
static void put_journal_entry(FILE *out, const json_t *entry)
{
    char now[64];
    const char *text = json_string_value(json_object_get(entry, "MESSAGE")),
               *error = json_string_value(json_object_get(entry, "ERRNO")),
               *kind = kind_of(json_string_value(json_object_get(entry, "MESSAGE_ID")));
    const char *tail = text ? strstr(text, "  ") : NULL;
    json_t *sentence = text
                           ? json_stringn_nocheck(text, tail ? (size_t)(tail - text) : strlen(text))
                           : json_string(LEFT_OUT); /* too long, or no text */
    json_t *told = said(kind, json_string_value(sentence));
    must(told);
    const char *words = json_string_value(told);
    size_t length = strcspn(words, "{");
    fprintf(out, "%s %s: %.*s%s",
            time_text((time_t)(atoll(text_at(entry, "__REALTIME_TIMESTAMP")) / US_PER_S), now),
            text_at(entry, "SYSLOG_IDENTIFIER"), (int)length, words, words[length] ? LEFT_OUT : "");
    if (error)
        fprintf(out, " (%s)", strerror(atoi(error)));
    fputc('\n', out);
    json_decref(sentence);
    json_decref(told);
}

/* A line for each entry. What is too long, or none, is counted. */
static void put_journal(FILE *out, FILE *in)
{
    static char line[JOURNAL_LINE_BYTES];
    unsigned long unread = 0;
    for (bool begins = true; fgets(line, sizeof line, in);) {
        bool ends = strchr(line, '\n');
        json_t *entry = begins && ends ? json_loads(line, JSON_ALLOW_NUL, NULL) : NULL;
        if (json_is_object(entry))
            put_journal_entry(out, entry = show_safely(entry));
        else
            unread += ends;
        begins = ends;
        json_decref(entry);
    }
    if (unread)
        fprintf(out, "(%lu lines are left out: too long, or no JSON)\n", unread);
}

static void put_host(FILE *out)
{
    struct utsname u;
    section(out, "host");
    if (uname(&u) == 0)
        fprintf(out, "%s %s %s\n", u.sysname, u.release, u.machine);
    fprintf(out, "weirctl %s; %ld processors\n", WEIR_VERSION, sysconf(_SC_NPROCESSORS_ONLN));
    put_program(out, "systemd", (const char *[]){"systemctl", "--version", NULL}, put_as_it_is);
    put_program(out, "unit",
                (const char *[]){"systemctl", "--no-pager", "show", "weir.service",
                                 "--property=ActiveState,SubState,NRestarts,Result", NULL},
                put_as_it_is);
    put_program(out, "journal, without the fields of messages",
                (const char *[]){"journalctl", "--no-pager", "--unit=weir.service",
                                 "--lines=" JOURNAL_LINES, "--output=json",
                                 "--output-fields=MESSAGE,MESSAGE_ID,SYSLOG_IDENTIFIER,ERRNO",
                                 NULL},
                put_journal);
}

/* ---- the file --------------------------------------------------------------------------- */

static void put_all(FILE *out, const cli_t *cli)
{
    char now[64];
    fprintf(
        out,
        "Report of Weir, made %s by weirctl %s.\nIn it: versions, the configuration (secrets by "
        "name only), states, numbers, events, or whether the store is whole; the journal's last "
        "lines.\nNot in it: secrets, "
        "bodies, keys and labels of messages, reasons that people typed. Read it before you hand "
        "it on.\n",
        time_text(time(NULL), now), WEIR_VERSION);
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
