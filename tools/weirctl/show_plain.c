/* show_plain.c: an answer that has no picture of its own: members line by line, lists of objects as
 * tables; milliseconds as ages, bytes as sizes. */
#include <stdio.h>
#include <stdlib.h>

#include "show.h"

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), tail = strlen(end);
    return len >= tail && strcmp(name + len - tail, end) == 0;
}

/* "paused_ms" is shown as "paused". */
static void title_of(const char *name, char *out, size_t size)
{
    int len = (int)strlen(name) - (ends_with(name, "_ms") && !ends_with(name, "_at_ms") ? 3 : 0);
    snprintf(out, size, "%.*s", len, name);
    for (char *c = out; *c; c++)
        *c = *c == '_' ? ' ' : *c;
}

static void value_text(const char *name, const json_t *value, char *out, size_t size)
{
    char text[32];
    int64_t number = json_integer_value(value);
    if (json_is_string(value))
        snprintf(out, size, "%s", *json_string_value(value) ? json_string_value(value) : "-");
    else if (json_is_null(value) || !value)
        snprintf(out, size, "-");
    else if (json_is_boolean(value))
        snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_integer(value) && ends_with(name, "_ms") && !ends_with(name, "_at_ms"))
        snprintf(out, size, "%s", table_age(number, text));
    else if (json_is_integer(value) && ends_with(name, "bytes"))
        snprintf(out, size, "%s", table_size(number, text));
    else {
        char *whole = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        snprintf(out, size, "%s", whole ? whole : "?");
        free(whole);
    }
}

/* The members of the first one are the columns. */
static void show_table(const json_t *rows)
{
    const json_t *first = json_array_get(rows, 0);
    char titles[TABLE_COLUMNS_MAX * 40] = "", text[512];
    const char *name;
    json_t *value, *row;
    size_t i, columns = 0, used = 0;
    json_object_foreach((json_t *)first, name, value)
    {
        if (columns++ == TABLE_COLUMNS_MAX)
            break;
        title_of(name, text, 32);
        for (char *c = text; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c == '|' ? '/' : *c);
        used += (size_t)snprintf(titles + used, sizeof titles - used, "%s%s%s", used ? "|" : "",
                                 json_is_number(value) ? ">" : "", text);
    }
    table_t *t = table_new(titles);
    json_array_foreach(rows, i, row)
    {
        columns = 0;
        json_object_foreach((json_t *)first, name, value)
        {
            if (columns++ == TABLE_COLUMNS_MAX)
                break;
            value_text(name, json_object_get(row, name), text, sizeof text);
            table_cell(t, "%s", text);
        }
    }
    table_print(&t);
}

static void show_words(const json_t *list)
{
    size_t i;
    json_t *word;
    char text[512];
    json_array_foreach(list, i, word)
    {
        value_text("", word, text, sizeof text);
        printf("%s%s", i ? ", " : "", text);
    }
    puts(json_array_size(list) ? "" : "-");
}

static void show_member(const char *name, const json_t *value, int indent)
{
    char title[64], text[1024];
    const char *inner;
    json_t *child;
    title_of(name, title, sizeof title);
    if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
        printf("%*s%s:\n", indent, "", title);
        show_table(value);
    } else if (json_is_array(value)) {
        printf("%*s%-16s ", indent, "", title);
        show_words(value);
    } else if (json_is_object(value) && indent == 0) {
        printf("%s:\n", title);
        json_object_foreach((json_t *)value, inner, child) show_member(inner, child, 2);
    } else {
        value_text(name, value, text, sizeof text);
        printf("%*s%-16s %s\n", indent, "", title, text);
    }
}

void show_plain(const json_t *answer)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)answer, name, value)
    {
        if (strcmp(name, "ok") != 0 && strcmp(name, "schema") != 0)
            show_member(name, value, 0);
    }
}
