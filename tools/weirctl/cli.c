#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cli_complain(int code, const char *format, ...)
{
    va_list args;
    fputs("weirctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
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

static const ctl_arg_t *find_in(const ctl_arg_t *args, const char *name, size_t len)
{
    for (const ctl_arg_t *a = args; a->name; a++)
        if (strlen(a->name) == len && strncmp(a->name, name, len) == 0)
            return a;
    return NULL;
}

static const ctl_arg_t *find_option(const command_t *c, const char *name, size_t len)
{
    const ctl_arg_t *found = c ? find_in(c->verb->args, name, len) : NULL;
    return found || !c ? found : find_in(c->extra, name, len);
}

static int add_value(cli_t *cli, const char *name, const char *value)
{
    if (cli->value_count == CLI_VALUES_MAX)
        return cli_complain(EXIT_USAGE, "too many arguments");
    cli->values[cli->value_count++] = (cli_value_t){name, value};
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

static int missing_value(const char *option)
{
    return cli_complain(EXIT_USAGE, "%s needs a value", option);
}

static int read_global(cli_t *cli, typed_t *t, const char *name, size_t len, const char *equals,
                       bool *taken)
{
    *taken = true;
    if (strncmp(name, "json", len) == 0 && len == 4) {
        cli->json = true;
    } else if (strncmp(name, "help", len) == 0 && len == 4) {
        cli->help = true;
    } else if (len == 6 &&
               (strncmp(name, "socket", len) == 0 || strncmp(name, "config", len) == 0)) {
        const char *value = value_of(t, equals);
        if (!value)
            return missing_value(*name == 's' ? "--socket" : "--config");
        *(*name == 's' ? &cli->socket : &cli->config) = value;
    } else {
        *taken = false;
    }
    return -1;
}

static int read_option(cli_t *cli, typed_t *t)
{
    const char *word = t->argv[t->at], *name = word + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    bool taken;
    int code = read_global(cli, t, name, len, equals, &taken);
    if (taken)
        return code;
    const ctl_arg_t *arg = find_option(cli->command, name, len);
    if (!arg)
        return cli_complain(EXIT_USAGE, "there is no option %s here; see weirctl %s%s--help", word,
                            cli->command ? cli->command->verb->name : "", cli->command ? " " : "");
    if (arg->kind == CTL_FLAG)
        return equals ? cli_complain(EXIT_USAGE, "--%s takes no value", arg->name)
                      : add_value(cli, arg->name, "");
    const char *value = value_of(t, equals);
    return value ? add_value(cli, arg->name, value) : missing_value(word);
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

static int read_command(cli_t *cli, typed_t *t)
{
    int used;
    const char *second = t->at + 1 < t->argc ? t->argv[t->at + 1] : NULL;
    cli->command = find_command(t->argv[t->at], second, &used);
    if (!cli->command)
        return cli_no_command(t->argv[t->at]);
    t->at += used - 1;
    return -1;
}

static int read_place(cli_t *cli, const char *word)
{
    for (const ctl_arg_t *a = cli->command->verb->args; a->name; a++)
        if (a->need != CTL_OPTION && !cli_value(cli, a->name))
            return add_value(cli, a->name, word);
    return cli_complain(EXIT_USAGE, "\"%s\" is one word too many", word);
}

static int check_places(const cli_t *cli)
{
    for (const ctl_arg_t *a = cli->command->verb->args; a->name; a++)
        if (a->need == CTL_PLACE && !cli_value(cli, a->name))
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
    if (!*only_words && strncmp(word, "--", 2) == 0)
        return read_option(cli, t);
    return cli->command ? read_place(cli, word) : read_command(cli, t);
}

int cli_read(int argc, char **argv, cli_t *out)
{
    cli_t cli = {0};
    bool only_words = false;
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

static json_t *number_or_text(const char *value)
{
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    return *value && *end == '\0' && errno == 0 ? json_integer(n) : json_string(value);
}

/* Kinds are checked by Weir, so that a word is refused by the same sentence everywhere. */
json_t *cli_args(const cli_t *cli)
{
    json_t *args = json_object();
    for (size_t i = 0; i < cli->value_count; i++) {
        const cli_value_t *v = &cli->values[i];
        const ctl_arg_t *a = find_in(cli->command->verb->args, v->name, strlen(v->name));
        if (!a)
            continue;
        json_t *value = a->kind == CTL_FLAG     ? json_true()
                        : a->kind == CTL_NUMBER ? number_or_text(v->value)
                                                : json_string(v->value);
        must(json_object_set_new(args, a->name, value ? value : json_string("?")) == 0);
    }
    return args;
}
