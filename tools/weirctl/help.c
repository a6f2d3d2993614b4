#include <stdio.h>

#include "cli.h"
#include "table.h"

static const char introduction[] =
    "weirctl looks at Weir and changes what it does.\n"
    "Usage: weirctl [--socket PATH | --config FILE] [--json] [--timeout SECONDS] COMMAND ...\n\n";

static const char options[] =
    "\nOptions everywhere:\n"
    "  --socket PATH      ctl socket (from --config, else $WEIR_SOCKET, else " CLI_SOCKET_DEFAULT
    ")\n"
    "  --config FILE      configuration, to find the socket, or the one that is meant\n"
    "                     (" CLI_CONFIG_DEFAULT ")\n"
    "  --json             one JSON object a line, with its schema; words go to standard error\n"
    "  --timeout SECONDS  how long to wait for an answer, or with --wait for the end\n"
    "  --help             also after a command\n"
    "\nEnds with\n";

static const struct {
    int number;
    const char *meaning;
} exits[] = {
#define EXIT_CODE(NAME, number, meaning, advice) {number, meaning},
#include "exit_codes.def"
#undef EXIT_CODE
};

void help_typed(const char *name, char mark, char typed, char *out, size_t size)
{
    snprintf(out, size, "%s", name);
    for (char *c = out; *c; c++)
        *c = *c == mark ? typed : *c;
}

static void usage_line(const ctl_verb_t *verb, char *out, size_t size)
{
    help_typed(verb->name, '.', ' ', out, size);
    for (const ctl_arg_t *a = verb->args; a->name; a++) {
        size_t used = strlen(out);
        bool optional = a->need == CTL_PLACE_OPTIONAL || a->need == CTL_HERE_OPTIONAL;
        if (!ctl_arg_is_option(a))
            snprintf(out + used, size - used, optional ? " [%s]" : " %s", a->name);
    }
}

/* The text from column `from` on, in further lines where the terminal is too narrow for one. */
static void print_text(const char *text, size_t from)
{
    size_t width = table_width(), at = from;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (at > from && at + 1 + word > width) {
            printf("\n%*s", (int)from, "");
            at = from;
        } else if (at > from) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)word, text);
        at += word;
        text += word + (text[word] == ' ');
    }
    puts("");
}

static void verb_line(const ctl_verb_t *verb)
{
    char usage[128];
    usage_line(verb, usage, sizeof usage);
    printf("  %-26s ", usage);
    print_text(verb->meaning, strlen(usage) > 26 ? strlen(usage) + 3 : 29);
}

/* The commands that begin with this word; false: there are none. */
static bool help_group(const char *word)
{
    const command_t *c;
    size_t len = strlen(word), found = 0;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (strncmp(c->verb->name, word, len) == 0 && c->verb->name[len] == '.') {
            verb_line(c->verb);
            found++;
        }
    if (found)
        printf("\nweirctl help %s WORD says more.\n", word);
    return found > 0;
}

void help_all(void)
{
    fputs(introduction, stdout);
    const command_t *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        verb_line(c->verb);
    fputs(options, stdout);
    for (size_t i = 0; i < COUNT_OF(exits); i++)
        printf("  %-4d %s\n", exits[i].number, exits[i].meaning);
    fputs("\nExample: weirctl why 01J9ZQ4T6W3V8X2M5N7P1R0SAB\n", stdout);
}

static const char *word_of(enum ctl_kind kind)
{
    static const char *const words[] = {
        [CTL_MESSAGE] = "ID",      [CTL_NAME] = "NAME",       [CTL_TEXT] = "TEXT",
        [CTL_NUMBER] = "NUMBER",   [CTL_SECONDS] = "SECONDS", [CTL_FLAG] = "",
        [CTL_ROUTE] = "ROUTE",     [CTL_LIMIT] = "LIMIT",     [CTL_ACTOR] = "ACTOR",
        [CTL_DOWNSTREAM] = "NAME", [CTL_STATE] = "STATE",     [CTL_MODE] = "MODE",
        [CTL_EVENT] = "KIND",      [CTL_FILE] = "FILE",       [CTL_DIRECTORY] = "DIR"};
    return words[kind];
}

/* "--dry-run", "--rate NUMBER", or the name of a place. */
static void arg_line(const ctl_arg_t *a, char *out, size_t size)
{
    char typed[CTL_NAME_MAX];
    help_typed(a->name, '_', '-', typed, sizeof typed);
    if (!ctl_arg_is_option(a))
        snprintf(out, size, "%s", a->name);
    else
        snprintf(out, size, "--%s%s%s", typed, a->kind == CTL_FLAG ? "" : " ", word_of(a->kind));
}

void help_command(const command_t *command)
{
    char text[128];
    usage_line(command->verb, text, sizeof text);
    printf("weirctl %s: %s\n\n", text, command->verb->meaning);
    for (const ctl_arg_t *a = command->verb->args; a->name; a++) {
        arg_line(a, text, sizeof text);
        printf("  %-22s %s\n", text, a->meaning);
    }
    printf("%sExample: %s\n", command->verb->args[0].name ? "\n" : "", command->verb->example);
}

/* ---- the table as data ------------------------------------------------------------------ */

static json_t *arg_json(const ctl_arg_t *a)
{
    char typed[128];
    arg_line(a, typed, sizeof typed);
    bool needed = a->need == CTL_PLACE || a->need == CTL_HERE_PLACE;
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s}", "name", a->name, "typed", typed, "kind",
                     word_of(a->kind), "option", (int)ctl_arg_is_option(a), "needed", (int)needed,
                     "sent", (int)ctl_arg_is_sent(a), "meaning", a->meaning);
}

static json_t *verb_json(const ctl_verb_t *v)
{
    static const char *const permissions[] = {"nobody", "viewer", "operator", "admin"};
    static const char *const answerers[] = {"supervisor", "limiter", "drainer", "by id", "weirctl"};
    char usage[128];
    usage_line(v, usage, sizeof usage);
    json_t *args = json_array();
    for (const ctl_arg_t *a = v->args; a->name; a++)
        must(json_array_append_new(args, arg_json(a)) == 0);
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:o}", "verb", v->name, "usage", usage,
                     "permission", permissions[v->permission], "answerer", answerers[v->answerer],
                     "changes", (int)v->changes, "meaning", v->meaning, "example", v->example,
                     "args", args);
}

static int help_json(void)
{
    json_t *verbs = json_array(), *codes = json_array();
    for (size_t i = 0; i < CTL_VERB_COUNT; i++)
        must(json_array_append_new(verbs, verb_json(&ctl_verbs[i])) == 0);
#define EXIT_CODE(NAME, number, meaning, advice)                                                   \
    must(json_array_append_new(codes, json_pack("{s:i, s:s, s:s}", "code", number, "means",        \
                                                meaning, "advice", advice)) == 0);
#include "exit_codes.def"
#undef EXIT_CODE
    cli_print_json(json_pack("{s:s, s:b, s:o, s:o}", "schema", "weir.help/1", "ok", 1, "verbs",
                             verbs, "exit_codes", codes));
    return EXIT_OK;
}

int run_help(const cli_t *cli)
{
    char verb[128];
    const char *first = cli_value(cli, "command"), *second = cli_value(cli, "word");
    if (cli->json)
        return help_json();
    if (!first) {
        help_all();
        return EXIT_OK;
    }
    snprintf(verb, sizeof verb, "%s%s%s", first, second ? "." : "", second ? second : "");
    const command_t *command = command_find(verb);
    if (!command && !second && help_group(first))
        return EXIT_OK;
    if (!command)
        return cli_no_command(first);
    help_command(command);
    return EXIT_OK;
}
