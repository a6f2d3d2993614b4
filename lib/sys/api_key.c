#include "sys/api_key.h"

static const struct scope_row {
    const char *word;
    bool takes_name;
} rows[] = {
#define SCOPE(KIND, text, of, meaning)                                                             \
    [SCOPE_##KIND] = {.word = (text), .takes_name = sizeof(of) > 1},
    SCOPE_TABLE(SCOPE)
#undef SCOPE
};
_Static_assert(COUNT_OF(rows) == SCOPE_COUNT, "every scope has its row");

const char *scope_word(enum scope_kind kind)
{
    must(kind < SCOPE_COUNT);
    return rows[kind].word;
}

bool scope_read(const char *text, scope_t *out)
{
    for (unsigned kind = 0; kind < SCOPE_COUNT; kind++) {
        size_t length = strlen(rows[kind].word);
        if (strncmp(text, rows[kind].word, length) != 0)
            continue;
        const char *rest = text + length;
        bool whole = rows[kind].takes_name ? rest[0] == ':' && rest[1] : !*rest;
        if (!whole)
            continue;
        *out = (scope_t){(enum scope_kind)kind, rows[kind].takes_name ? rest + 1 : NULL};
        return true;
    }
    return false;
}

static bool covers(const scope_t *scope, enum scope_kind kind, bytes_t of)
{
    if (scope->kind != kind)
        return kind == SCOPE_READ && scope->kind == SCOPE_READ_BODIES;
    return !scope->of || strcmp(scope->of, "*") == 0 || bytes_is(of, scope->of);
}

bool api_key_may(const api_key_t *key, enum scope_kind kind, bytes_t of)
{
    for (size_t i = 0; i < key->scope_count; i++)
        if (covers(&key->scopes[i], kind, of))
            return true;
    return false;
}

bool api_keys_have(const api_key_t *keys, size_t count, enum scope_kind kind)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < keys[i].scope_count; k++)
            if (keys[i].scopes[k].kind == kind)
                return true;
    return false;
}
