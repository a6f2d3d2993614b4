#include "core/problem.h"

#include <jansson.h>

#include "core/json_text.h"

static const struct problem_row {
    unsigned status;
    const char *code, *type, *title;
} rows[] = {
#define PROBLEM(NAME, number, word, uri, words)                                                    \
    [PROBLEM_##NAME] = {.status = number, .code = word, .type = uri, .title = words},
    PROBLEM_TABLE(PROBLEM)
#undef PROBLEM
};
_Static_assert(COUNT_OF(rows) == PROBLEM_COUNT, "every problem has its row");

unsigned problem_status(enum problem_kind kind)
{
    must(kind < PROBLEM_COUNT);
    return rows[kind].status;
}

static void set_text(json_t *body, const char *name, bytes_t text)
{
    char printable[1024];
    if (!text.len)
        return;
    size_t length = text_printable(text, printable, sizeof printable);
    must(json_object_set_new(body, name, json_stringn(printable, length)) == 0);
}

static void set_number(json_t *body, const char *name, size_t number)
{
    if (number)
        must(json_object_set_new(body, name, json_integer((json_int_t)number)) == 0);
}

char *problem_text(const problem_t *problem)
{
    must(problem->kind < PROBLEM_COUNT);
    const struct problem_row *row = &rows[problem->kind];
    json_t *body = json_pack("{s:s, s:s, s:i, s:s}", "type", row->type, "title", row->title,
                             "status", (int)row->status, "code", row->code);
    must(body);
    set_text(body, "detail", problem->detail);
    set_text(body, "pointer", problem->pointer);
    set_number(body, "line", problem->line);
    set_number(body, "column", problem->column);
    set_text(body, "id", problem->id);
    set_text(body, "limit", problem->limit);
    set_text(body, "shown", problem->shown);
    set_text(body, "refused_by", problem->by);
    if (problem->slots) {
        must(json_object_set_new(body, "in_use", json_integer((json_int_t)problem->in_use)) == 0);
        set_number(body, "slots", problem->slots);
    }
    char *text = json_dumps(body, JSON_COMPACT);
    must(text);
    json_decref(body);
    return text;
}
