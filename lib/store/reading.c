#include "store/reading.h"

#include <stdlib.h>

reading_t *reading_new(const read_request_t *request)
{
    reading_t *a = memory_take(sizeof *a);
    a->result.request = *request;
    return a;
}

void reading_destroy(reading_t **reading)
{
    reading_t *a = *reading;
    *reading = NULL;
    if (!a)
        return;
    for (size_t i = 0; a->result.messages && i < a->result.count; i++) {
        blob_t *content = a->result.messages[i].envelope.content;
        blob_unref(&content);
    }
    arena_clear(&a->arena);
    free(a);
}

void reading_keep_envelope(reading_t *a, envelope_t *e)
{
    bytes_t *texts[] = {&e->source, &e->route, &e->key, &e->labels, &e->content_type, &e->trace};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(&a->arena, *texts[i]);
}

void reading_keep_progress(reading_t *a, progress_t *p)
{
    bytes_t *texts[] = {&p->step, &p->reason, &p->results, &p->slots};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(&a->arena, *texts[i]);
}

reading_t *reading_of(const read_result_t *result)
{
    return (reading_t *)((char *)(uintptr_t)result - offsetof(reading_t, result));
}
