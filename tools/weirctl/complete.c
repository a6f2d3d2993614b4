/* complete.c: what may follow the words typed so far, one a line, for the shells' completion: from
 * the table of verbs, and names from the Weir that runs. ":files" alone: the shell knows those. */
#include <stdio.h>

#include "client.h"
#include "commands.h"
#include "core/words.h"
#include "sys/log_names.h"

#define NAMES_WAIT_S 1 /* a shell that hangs is worse than one that knows no names */

typedef struct typing {
    cli_t asking; /* with --socket and --config as typed */
    const char *words[CLI_VALUES_MAX];
    size_t count;
    const char *current;       /* the word being typed, may be empty */
    const command_t *command;  /* NULL: not typed yet */
    const char *first;         /* a first word that needs a second */
    const ctl_arg_t *expected; /* the option whose value is being typed */
    size_t places;             /* typed before the current one */
} typing_t;

static void offer(const typing_t *t, const char *word)
{
    if (strncmp(word, t->current, strlen(t->current)) == 0)
        puts(word);
}

/* ---- what was typed --------------------------------------------------------------------- */

static const ctl_arg_t *option_of(const typing_t *t, const char *word)
{
    char typed[CTL_NAME_MAX + 2] = "--";
    for (const ctl_arg_t *a = t->command ? t->command->verb->args : NULL; a && a->name; a++) {
        help_typed(a->name, '_', '-', typed + 2, sizeof typed - 2);
        if (ctl_arg_is_option(a) && strcmp(word, typed) == 0)
            return a;
    }
    return NULL;
}

/* "--socket X" and the like; how many words it took beside the first. */
static size_t read_option(typing_t *t, size_t at)
{
    static const ctl_arg_t file = {"file", CTL_FILE, CTL_HERE, ""},
                           text = {"text", CTL_TEXT, CTL_HERE, ""};
    const char *word = t->words[at], *value = at + 1 < t->count ? t->words[at + 1] : NULL;
    const ctl_arg_t *a = option_of(t, word);
    bool socket = strcmp(word, "--socket") == 0, config = strcmp(word, "--config") == 0;
    if (socket || config)
        a = &file;
    else if (strcmp(word, "--timeout") == 0)
        a = &text;
    if (!a || a->kind == CTL_FLAG)
        return 0;
    if (!value)
        t->expected = a;
    else if (socket || config)
        *(socket ? &t->asking.socket : &t->asking.config) = value;
    return value != NULL;
}

static bool begins_two(const char *first)
{
    const command_t *c;
    size_t len = strlen(first);
    for (size_t i = 0; (c = command_at(i)); i++)
        if (strncmp(c->verb->name, first, len) == 0 && c->verb->name[len] == '.')
            return true;
    return false;
}

static void read_word(typing_t *t, const char *word)
{
    char two[128];
    if (t->command) {
        t->places++;
    } else if (t->first) {
        snprintf(two, sizeof two, "%s.%s", t->first, word);
        t->command = command_find(two);
        if (!t->command && (t->command = command_find(t->first)))
            t->places = 1;
    } else {
        t->first = word;
        t->command = begins_two(word) ? NULL : command_find(word);
    }
}

static void read_words(typing_t *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->words[i][0] == '-' && t->words[i][1])
            i += read_option(t, i);
        else
            read_word(t, t->words[i]);
}

/* ---- what may follow -------------------------------------------------------------------- */

static void offer_names(const typing_t *t, const char *list)
{
    size_t i;
    json_t *name, *names = client_ask_quietly(&t->asking, "names", json_object());
    json_array_foreach(json_object_get(names, list), i, name) offer(t, json_string_value(name));
    json_decref(names);
}

static void offer_messages(const typing_t *t)
{
    size_t i;
    json_t *m;
    bool dead = strncmp(t->command->verb->name, "dead.", 5) == 0;
    json_t *answer = client_ask_quietly(&t->asking, dead ? "dead.ls" : "ls",
                                        dead ? json_pack("{s:i}", "most", 50)
                                             : json_pack("{s:b, s:i}", "newest", 1, "most", 50));
    json_array_foreach(json_object_get(answer, "messages"), i, m)
        offer(t, json_string_value(json_object_get(m, "id")));
    json_decref(answer);
}

static void offer_value(const typing_t *t, const ctl_arg_t *a)
{
    switch (a->kind) {
    case CTL_MESSAGE:
        offer_messages(t);
        break;
    case CTL_ROUTE:
        offer_names(t, "routes");
        break;
    case CTL_LIMIT:
        offer_names(t, "limits");
        break;
    case CTL_ACTOR:
        offer_names(t, "actors");
        break;
    case CTL_DOWNSTREAM:
        offer_names(t, "downstreams");
        break;
    case CTL_STATE:
        for (unsigned i = 0; i < STATE_COUNT; i++)
            offer(t, state_name(i));
        break;
    case CTL_MODE:
        for (unsigned i = 0; i < MODE_COUNT; i++)
            offer(t, mode_name(i));
        offer(t, "auto");
        break;
    case CTL_EVENT:
        for (unsigned i = 0; i < LOG_EVENT_COUNT; i++)
            offer(t, log_event_name(i));
        break;
    case CTL_FILE:
    case CTL_DIRECTORY:
        puts(":files");
        break;
    case CTL_NAME:
    case CTL_TEXT:
    case CTL_NUMBER:
    case CTL_SECONDS:
    case CTL_FLAG:
        break;
    }
}

static void offer_options(const typing_t *t)
{
    static const char *const everywhere[] = {"--socket", "--config", "--json", "--timeout",
                                             "--help"};
    char typed[CTL_NAME_MAX + 2] = "--";
    for (const ctl_arg_t *a = t->command ? t->command->verb->args : NULL; a && a->name; a++) {
        help_typed(a->name, '_', '-', typed + 2, sizeof typed - 2);
        if (ctl_arg_is_option(a))
            offer(t, typed);
    }
    for (size_t i = 0; i < COUNT_OF(everywhere); i++)
        offer(t, everywhere[i]);
}

/* First words, or the second ones of `first`; each once. */
static void offer_commands(const typing_t *t, const char *first)
{
    char word[CTL_NAME_MAX], last[CTL_NAME_MAX] = "";
    const command_t *c;
    size_t skip = first ? strlen(first) : 0;
    for (size_t i = 0; (c = command_at(i)); i++) {
        const char *name = c->verb->name;
        if (first && (strncmp(name, first, skip) != 0 || name[skip] != '.'))
            continue;
        snprintf(word, sizeof word, "%s", first ? name + skip + 1 : name);
        word[strcspn(word, ".")] = '\0';
        if (strcmp(word, last) != 0)
            offer(t, word);
        strcpy(last, word);
    }
}

static void offer_place(const typing_t *t)
{
    size_t n = 0;
    for (const ctl_arg_t *a = t->command->verb->args; a->name; a++) {
        if (!ctl_arg_is_option(a) && n++ == t->places) {
            offer_value(t, a);
            return;
        }
    }
}

static void offer_all(const typing_t *t)
{
    if (t->expected)
        offer_value(t, t->expected);
    else if (t->current[0] == '-')
        offer_options(t);
    else if (t->command)
        offer_place(t);
    else
        offer_commands(t, t->first);
    if (!t->expected && !t->command && t->first && command_find(t->first) && t->current[0] != '-') {
        typing_t place = *t; /* "backup" is a command, and the first word of others */
        place.command = command_find(t->first);
        offer_place(&place);
    }
}

int run_complete(const cli_t *cli)
{
    typing_t t = {
        .asking = {.socket = cli->socket, .config = cli->config, .timeout_s = NAMES_WAIT_S},
        .current = ""};
    for (size_t i = 0; i < cli->value_count; i++)
        t.words[t.count++] = cli->values[i].value;
    if (t.count)
        t.current = t.words[--t.count];
    read_words(&t);
    offer_all(&t);
    return EXIT_OK;
}
