/* config.c: weirctl config: keys by the table, and values with where they came from. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "input.h"
#include "show.h"
#include "sys/config_explain.h"
#include "sys/config_found.h"
#include "sys/config_schema.h"

/* A value as JSON on one line; "-" for none. Each call uses the text of the one before the last. */
static const char *value_text(const json_t *value)
{
    static char texts[2][TABLE_CELL_BYTES];
    static unsigned turn;
    char *out = texts[turn++ % 2];
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    snprintf(out, TABLE_CELL_BYTES, "%s", text ? text : "-");
    free(text);
    return out;
}

/* ---- what runs -------------------------------------------------------------------------- */

static void show_files(const json_t *files)
{
    size_t i;
    json_t *file;
    json_array_foreach(files, i, file)
    {
        const char *state = text_at(file, "state");
        printf("# %s%s%s\n", text_at(file, "file"), strcmp(state, "read") ? ": " : "",
               strcmp(state, "read") ? state : "");
    }
}

static void show_values(const json_t *rows)
{
    char source[512];
    size_t i;
    json_t *row;
    table_t *t = table_new("KEY|VALUE|FROM");
    json_array_foreach(rows, i, row)
    {
        config_value_source(row, source, sizeof source);
        table_cell(t, "%s", text_at(row, "key"));
        table_cell(t, "%s", value_text(json_object_get(row, "value")));
        table_cell(t, "%s", source);
    }
    table_print(&t);
}

/* The answers come in pages. */
int run_config_values(const cli_t *cli)
{
    int code = EXIT_OK;
    int64_t after = 0;
    json_t *all = json_array(), *files = NULL;
    do {
        json_t *args = cli_args(cli);
        if (after)
            must(json_object_set_new(args, "after", json_integer(after)) == 0);
        json_t *answer = ask_typed(cli, args, &code);
        after = number_at(answer, "next");
        if (json_object_get(answer, "values"))
            must(json_array_extend(all, json_object_get(answer, "values")) == 0);
        if (!files)
            files = json_incref(json_object_get(answer, "files"));
        json_decref(answer);
    } while (code == EXIT_OK && after > 0);
    if (code == EXIT_OK && !cli->json) {
        if (cli->command->verb->id == CTL_VERB_CONFIG_SHOW)
            show_files(files);
        show_values(all);
    }
    json_decref(all);
    json_decref(files);
    return code;
}

void show_config_diff(const json_t *answer)
{
    size_t i;
    json_t *change, *changes = json_object_get(answer, "changes");
    if (!json_array_size(changes)) {
        puts("the files say what is running");
        return;
    }
    table_t *t = table_new("KEY|RUNNING|IN THE FILES|NEEDS");
    json_array_foreach(changes, i, change)
    {
        table_cell(t, "%s", text_at(change, "key"));
        table_cell(t, "%s", value_text(json_object_get(change, "before")));
        table_cell(t, "%s", value_text(json_object_get(change, "after")));
        table_cell(t, "%s", text_at(change, "needs"));
    }
    table_print(&t);
    if (number_at(answer, "more"))
        printf("and %lld more\n", (long long)number_at(answer, "more"));
}

/* ---- explain ---------------------------------------------------------------------------- */

static int no_such_key(const char *typed)
{
    const config_key_t *like[CONFIG_LIKE_MAX];
    char names[1024] = "";
    size_t count = config_keys_like(typed, like);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", like[i]->path);
    }
    return cli_complain(EXIT_NOT_FOUND, "no key is called %s; %s%s%s", typed,
                        count ? "did you mean " : "weir.yaml(5) lists them", count ? names : "",
                        count ? "?" : "");
}

static void ignore_line(void *arg, const char *line)
{
    (void)line;
    ++*(unsigned *)arg;
}

/* Its values in the files, as the next start would see them; NULL: they cannot be read. */
static json_t *values_now(const cli_t *cli, const char *typed)
{
    config_found_t found = {0};
    unsigned lines = 0;
    size_t i;
    json_t *row;
    if (config_find(input_config_file(cli), &found, ignore_line, &lines) < 0)
        return NULL;
    json_t *rows = config_found_values(&found, CONFIG_ALL), *meant = json_array();
    json_array_foreach(rows, i, row)
    {
        if (config_path_is_meant(typed, text_at(row, "key")))
            must(json_array_append(meant, row) == 0);
    }
    json_decref(rows);
    config_found_clear(&found);
    return meant;
}

static void print_range(const json_t *key)
{
    const char *kind = text_at(key, "kind"), *unit = text_at(key, "unit");
    bool is_number = strcmp(kind, "a whole number") == 0;
    printf("%-9s %s%s%s\n", "kind", kind, is_number && *unit != '-' ? ", " : "",
           is_number && *unit != '-' ? unit : "");
    size_t i;
    json_t *word, *words = json_object_get(key, "words");
    json_array_foreach(words, i, word)
        printf("%s%s%s", i ? ", " : "words     ", json_string_value(word),
               i + 1 == json_array_size(words) ? "\n" : "");
    if (json_object_get(key, "max"))
        printf("%-9s %lld to %lld%s\n", is_number ? "range" : "length",
               (long long)number_at(key, "min"), (long long)number_at(key, "max"),
               is_number ? "" : " (bytes of a text, entries of a list or table)");
}

static void print_key(const json_t *key)
{
    size_t i;
    json_t *below, *preset = json_object_get(key, "default");
    printf("%s: %s\n\n", text_at(key, "key"), text_at(key, "meaning"));
    print_range(key);
    if (preset)
        printf("%-9s %s\n", "default",
               *json_string_value(preset) ? json_string_value(preset) : "\"\"");
    else if (!json_object_get(key, "keys"))
        printf("%-9s %s\n", "default",
               json_is_true(json_object_get(key, "required")) ? "none: it must be given"
                                                              : "none: it may be left out");
    if (json_object_get(key, "change"))
        printf("%-9s %s\n", "a change",
               strcmp(text_at(key, "change"), "reload") == 0 ? "needs a reload: weirctl reload"
                                                             : "needs a restart of Weir");
    if (json_object_get(key, "example"))
        printf("%-9s %s\n", "example", text_at(key, "example"));
    json_array_foreach(json_object_get(key, "keys"), i, below)
        printf("%s  %s: %s\n", i ? "" : "keys\n", text_at(below, "key"), text_at(below, "meaning"));
}

static void print_now(const cli_t *cli, const json_t *values)
{
    printf("\nin the files%s%s:\n", cli->config ? " of " : "", cli->config ? cli->config : "");
    if (!values)
        printf("they are wrong or cannot be read: weirctl check\n");
    else if (!json_array_size(values))
        printf("no value\n");
    else
        show_values(values);
}

int run_config_explain(const cli_t *cli)
{
    const char *typed = cli_value(cli, "key");
    const config_key_t *key = config_key_meant(typed);
    if (!key)
        return no_such_key(typed);
    json_t *json = config_explain(key), *values = values_now(cli, typed);
    if (cli->json) {
        must(json_object_set(json, "now", values ? values : json_null()) == 0);
        cli_print_json(json_incref(json));
    } else {
        print_key(json);
        print_now(cli, values);
    }
    json_decref(values);
    json_decref(json);
    return EXIT_OK;
}

int run_config_schema(const cli_t *cli)
{
    json_t *schema = config_schema();
    json_dumpf(schema, stdout, cli->json ? JSON_COMPACT : JSON_INDENT(2));
    putchar('\n');
    json_decref(schema);
    return EXIT_OK;
}
