#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool speaks_json; /* --json was typed, wherever */

static void error_as_json(int code, const char *error)
{
    json_t *text = json_string(error);
    cli_print_json(json_pack("{s:s, s:b, s:i, s:o}", "schema", "weir.error/1", "ok", 0, "exit_code",
                             code, "error", text ? text : json_string("?")));
}

int cli_complain(int code, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "weirctl: %s\n", text);
    if (speaks_json && code)
        error_as_json(code, text);
    return code;
}

void cli_on_config_error(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
    if (speaks_json)
        error_as_json(EXIT_CONFIG, line);
}

int cli_end(int code)
{
    bool wrote = fflush(stdout) == 0 && !ferror(stdout);
    if (wrote || code)
        return code;
    speaks_json = false;
    return cli_complain(EXIT_CANNOT_WRITE, "not all of the answer could be written: %s",
                        strerror(errno));
}

int cli_no_command(const char *word)
{
    char seconds[256] = "";
    const command_t *c;
    for (size_t i = 0; (c = command_at(i)); i++) {
        const char *name = c->verb->name;
        size_t len = strlen(word), used = strlen(seconds);
        if (strncmp(name, word, len) == 0 && name[len] == '.')
            snprintf(seconds + used, sizeof seconds - used, "%s%s", used ? ", " : "",
                     name + len + 1);
    }
    return *seconds
               ? cli_complain(EXIT_USAGE, "%s needs one more word: %s", word, seconds)
               : cli_complain(EXIT_USAGE, "there is no command \"%s\"; see weirctl help", word);
}

const char *cli_value(const cli_t *cli, const char *name)
{
    for (size_t i = 0; i < cli->value_count; i++)
        if (strcmp(cli->values[i].name, name) == 0)
            return cli->values[i].value;
    return NULL;
}

/* ---- options ---------------------------------------------------------------------------- */

/* --dry-run is dry_run. Places have names too. */
static const ctl_arg_t *find_arg(const command_t *c, const char *name, size_t len)
{
    char typed[CTL_NAME_MAX];
    for (const ctl_arg_t *a = c ? c->verb->args : NULL; a && a->name; a++) {
        help_typed(a->name, '_', '-', typed, sizeof typed);
        if (strlen(typed) == len && strncmp(typed, name, len) == 0)
            return a;
    }
    return NULL;
}

static bool is_number(const char *text)
{
    return *text && strlen(text) <= 15 && strspn(text, "0123456789") == strlen(text);
}

static int add_value(cli_t *cli, const ctl_arg_t *arg, const char *value)
{
    if (cli->value_count == CLI_VALUES_MAX)
        return cli_complain(EXIT_USAGE, "too many arguments");
    if ((arg->kind == CTL_NUMBER || arg->kind == CTL_SECONDS) && !is_number(value))
        return cli_complain(EXIT_USAGE, "%s must be a whole number, not negative; not \"%s\"",
                            arg->name, value);
    cli->values[cli->value_count++] = (cli_value_t){arg->name, value};
    return -1;
}

typedef struct typed {
    int argc;
    char **argv;
    int at;
} typed_t;

/* The value behind "=", or the next word. */
static const char *value_of(typed_t *t, const char *equals)
{
    if (equals)
        return equals + 1;
    return t->at + 1 < t->argc ? t->argv[++t->at] : NULL;
}

static int read_timeout(cli_t *cli, const char *value)
{
    if (!is_number(value) || strlen(value) > 9 || atoll(value) == 0)
        return cli_complain(EXIT_USAGE, "--timeout must be seconds, from 1 on; not \"%s\"", value);
    cli->timeout_s = atoll(value);
    return -1;
}

static bool is_word(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(name, word, len) == 0;
}

static int read_global(cli_t *cli, typed_t *t, const char *name, size_t len, const char *equals,
                       bool *taken)
{
    bool json = is_word(name, len, "json"), help = is_word(name, len, "help");
    bool socket = is_word(name, len, "socket"), timeout = is_word(name, len, "timeout");
    *taken = json || help || socket || timeout || is_word(name, len, "config");
    if (!*taken)
        return -1;
    if (json || help) {
        *(json ? &cli->json : &cli->help) = true;
        return equals ? cli_complain(EXIT_USAGE, "--%s takes no value", json ? "json" : "help")
                      : -1;
    }
    const char *value = value_of(t, equals);
    if (!value)
        return cli_complain(EXIT_USAGE, "--%.*s needs a value", (int)len, name);
    if (timeout)
        return read_timeout(cli, value);
    *(socket ? &cli->socket : &cli->config) = value;
    return -1;
}

static int read_option(cli_t *cli, typed_t *t)
{
    const char *typed = t->argv[t->at];
    const char *word = strcmp(typed, "-f") == 0   ? "--follow"
                       : strcmp(typed, "-o") == 0 ? "--output"
                                                  : typed;
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    bool taken;
    int code = read_global(cli, t, name, len, equals, &taken);
    if (taken)
        return code;
    const ctl_arg_t *arg = find_arg(cli->command, name, len);
    if (!arg) {
        char command[CTL_NAME_MAX];
        help_typed(cli->command ? cli->command->verb->name : "", '.', ' ', command, sizeof command);
        return cli_complain(EXIT_USAGE, "there is no option %s here; see weirctl help %s", word,
                            command);
    }
    if (arg->kind == CTL_FLAG)
        return equals ? cli_complain(EXIT_USAGE, "--%.*s takes no value", (int)len, name)
                      : add_value(cli, arg, "");
    const char *value = value_of(t, equals);
    return value ? add_value(cli, arg, value)
                 : cli_complain(EXIT_USAGE, "%s needs a value: %s", word, arg->meaning);
}

/* ---- commands --------------------------------------------------------------------------- */

/* "dead" "ls" is dead.ls; "status" is itself. *used: how many words it took. */
static const command_t *find_command(const char *first, const char *second, int *used)
{
    char two[128];
    if (second && snprintf(two, sizeof two, "%s.%s", first, second) < (int)sizeof two &&
        command_find(two)) {
        *used = 2;
        return command_find(two);
    }
    *used = 1;
    return command_find(first);
}

static const char *running; /* the verb that was typed */

static int read_command(cli_t *cli, typed_t *t)
{
    int used;
    const char *second = t->at + 1 < t->argc ? t->argv[t->at + 1] : NULL;
    cli->command = find_command(t->argv[t->at], second, &used);
    if (!cli->command)
        return cli_no_command(t->argv[t->at]);
    running = cli->command->verb->name;
    t->at += used - 1;
    return -1;
}

static int read_place(cli_t *cli, const char *word)
{
    for (const ctl_arg_t *a = cli->command->verb->args; a->name; a++)
        if (a->need == CTL_REST || (!ctl_arg_is_option(a) && !cli_value(cli, a->name)))
            return add_value(cli, a, word);
    return cli_complain(EXIT_USAGE, "\"%s\" is one word too many", word);
}

static int check_places(const cli_t *cli)
{
    for (const ctl_arg_t *a = cli->command->verb->args; a->name; a++)
        if ((a->need == CTL_PLACE || a->need == CTL_HERE_PLACE) && !cli_value(cli, a->name))
            return cli_complain(EXIT_USAGE, "%s is missing: %s\nExample: %s", a->name, a->meaning,
                                cli->command->verb->example);
    return -1;
}

static int read_word(cli_t *cli, typed_t *t, bool *only_words)
{
    const char *word = t->argv[t->at];
    if (!*only_words && strcmp(word, "--") == 0) {
        *only_words = true;
        return -1;
    }
    if (!*only_words && strcmp(word, "-h") == 0) {
        cli->help = true;
        return -1;
    }
    if (!*only_words && strcmp(word, "--version") == 0 && !cli->command) {
        printf("weirctl %s\n", WEIR_VERSION);
        return EXIT_OK;
    }
    if (!*only_words &&
        (strncmp(word, "--", 2) == 0 || strcmp(word, "-f") == 0 || strcmp(word, "-o") == 0))
        return read_option(cli, t);
    return cli->command ? read_place(cli, word) : read_command(cli, t);
}

int cli_read(int argc, char **argv, cli_t *out)
{
    cli_t cli = {0};
    bool only_words = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        speaks_json |= strcmp(argv[i], "--json") == 0;
    typed_t t = {argc, argv, 1};
    for (; t.at < argc; t.at++) {
        int code = read_word(&cli, &t, &only_words);
        if (code >= 0)
            return code;
    }
    if (cli.help || !cli.command) {
        if (cli.command)
            help_command(cli.command);
        else
            help_all();
        return cli.help ? EXIT_OK : EXIT_USAGE;
    }
    int code = check_places(&cli);
    *out = cli;
    return code;
}

/* ---- for Weir --------------------------------------------------------------------------- */

int64_t cli_number(const cli_t *cli, const char *name, int64_t otherwise)
{
    const char *value = cli_value(cli, name);
    return value ? atoll(value) : otherwise;
}

static json_t *value_json(const ctl_arg_t *arg, const char *value)
{
    if (arg->kind == CTL_FLAG)
        return json_true();
    if (arg->kind == CTL_NUMBER || arg->kind == CTL_SECONDS)
        return json_integer(atoll(value));
    json_t *text = json_string(value);
    return text ? text : json_string("?"); /* no UTF-8: Weir refuses it by name */
}

/* Other kinds are checked by Weir, so that a word is refused by the same sentence everywhere. */
json_t *cli_args(const cli_t *cli)
{
    json_t *args = json_object();
    for (const ctl_arg_t *a = cli->command->verb->args; a->name; a++) {
        const char *value = ctl_arg_is_sent(a) ? cli_value(cli, a->name) : NULL;
        if (value)
            must(json_object_set_new(args, a->name, value_json(a, value)) == 0);
    }
    return args;
}

/* What names no schema is of the verb that was typed, or a failure of it. */
static json_t *with_schema(json_t *object)
{
    char schema[CTL_NAME_MAX + 16];
    if (json_object_get(object, "schema"))
        return object;
    const json_t *ok = json_object_get(object, "ok");
    bool failed = ok ? json_is_false(ok) : json_is_string(json_object_get(object, "error"));
    snprintf(schema, sizeof schema, "weir.%s/1", failed ? "error" : running ? running : "help");
    json_t *whole = json_pack("{s:s, s:b}", "schema", schema, "ok", (int)!failed);
    must(whole && json_object_update(whole, object) == 0);
    json_decref(object);
    return whole;
}

void cli_print_json(json_t *object)
{
    must(object);
    object = with_schema(object);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15)); /* 0.1 as 0.1 */
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}
