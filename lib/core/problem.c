#include "core/problem.h"

#include <stdlib.h>

#include "core/json_text.h"
#include "core/text.h"

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

#define DETAIL_BYTES_MAX 1023u /* of any text that is said */

static void put_name(text_t *t, const char *name)
{
    text_put_str(t, ",\"");
    text_put_str(t, name);
    text_put_str(t, "\":");
}

static void put_text(text_t *t, const char *name, bytes_t text)
{
    char printable[DETAIL_BYTES_MAX + 1];
    if (!text.len)
        return;
    put_name(t, name);
    text_put_quoted(t, bytes_of(printable, text_printable(text, printable, sizeof printable)));
}

static void put_number(text_t *t, const char *name, uint64_t number)
{
    put_name(t, name);
    text_put_number(t, number);
}

/* Of a text that is said, its name and quotes; each byte may be escaped. */
static size_t room_for(bytes_t text)
{
    return 2 * (text.len < DETAIL_BYTES_MAX ? text.len : DETAIL_BYTES_MAX) + 32;
}

static size_t room_for_all(const problem_t *p)
{
    return 512 + room_for(p->detail) + room_for(p->pointer) + room_for(p->id) + room_for(p->limit) +
           room_for(p->shown) + room_for(p->by);
}

char *problem_text(const problem_t *problem)
{
    must(problem->kind < PROBLEM_COUNT);
    const struct problem_row *row = &rows[problem->kind];
    size_t size = room_for_all(problem);
    char *body = malloc(size);
    must(body);
    text_t t = text_in(body, size);
    text_put_str(&t, "{\"type\":");
    text_put_quoted(&t, bytes_str(row->type));
    put_text(&t, "title", bytes_str(row->title));
    put_number(&t, "status", row->status);
    put_text(&t, "code", bytes_str(row->code));
    put_text(&t, "detail", problem->detail);
    put_text(&t, "pointer", problem->pointer);
    if (problem->line)
        put_number(&t, "line", problem->line);
    if (problem->column)
        put_number(&t, "column", problem->column);
    put_text(&t, "id", problem->id);
    put_text(&t, "limit", problem->limit);
    put_text(&t, "shown", problem->shown);
    put_text(&t, "refused_by", problem->by);
    if (problem->slots) {
        put_number(&t, "in_use", problem->in_use);
        put_number(&t, "slots", problem->slots);
    }
    text_put_str(&t, "}");
    must(text_close(&t));
    return body;
}
