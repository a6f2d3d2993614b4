#include "store/answer.h"

#include <stdlib.h>

answer_t *answer_new(const read_request_t *request)
{
    answer_t *a = store_take(sizeof *a);
    a->result.request = *request;
    return a;
}

void answer_destroy(answer_t **answer)
{
    answer_t *a = *answer;
    *answer = NULL;
    if (!a)
        return;
    for (size_t i = 0; a->result.messages && i < a->result.count; i++) {
        blob_t *content = a->result.messages[i].envelope.content;
        blob_unref(&content);
    }
    arena_clear(&a->arena);
    free(a);
}

void answer_keep_envelope(answer_t *a, envelope_t *e)
{
    bytes_t *texts[] = {&e->source, &e->route, &e->key, &e->labels, &e->content_type, &e->trace};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(&a->arena, *texts[i]);
}

void answer_keep_progress(answer_t *a, progress_t *p)
{
    bytes_t *texts[] = {&p->step, &p->reason, &p->results, &p->slots};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(&a->arena, *texts[i]);
}

answer_t *answer_of(const read_result_t *result)
{
    return (answer_t *)((char *)(uintptr_t)result - offsetof(answer_t, result));
}
