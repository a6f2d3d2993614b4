#include "store/row.h"

#include <endian.h>
#include <xxhash.h>

#define NUMBERS_MAX 16u
#define TEXTS_MAX 8u
#define SMALL_BYTES                                                                                \
    2048u /* a row up to this is hashed in one piece, which is several times cheaper */

static uint64_t sum_in_parts(const void *head, size_t head_bytes, const bytes_t *texts,
                             size_t count)
{
    XXH3_state_t *state = XXH3_createState();
    must(state && XXH3_64bits_reset(state) == XXH_OK);
    XXH3_64bits_update(state, head, head_bytes);
    for (size_t i = 0; i < count; i++)
        if (texts[i].len)
            XXH3_64bits_update(state, texts[i].data, texts[i].len);
    uint64_t sum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return sum;
}

static uint64_t sum_of_pieces(const void *head, size_t head_bytes, const bytes_t *texts,
                              size_t count, size_t text_bytes)
{
    uint8_t row[SMALL_BYTES], *at = row + head_bytes;
    if (head_bytes + text_bytes > sizeof row)
        return sum_in_parts(head, head_bytes, texts, count);
    memcpy(row, head, head_bytes);
    for (size_t i = 0; i < count; at += texts[i++].len)
        if (texts[i].len)
            memcpy(at, texts[i].data, texts[i].len);
    return XXH3_64bits(row, head_bytes + text_bytes);
}

/* What is hashed: the table's number, the row's numbers, the length of each text, then the texts;
 * every number as eight bytes, little endian. So neither the order of the texts nor their borders
 * can be confused. */
static uint64_t sum_of(enum row_table table, const uint64_t *numbers, size_t number_count,
                       const bytes_t *texts, size_t text_count)
{
    uint64_t head[1 + NUMBERS_MAX + TEXTS_MAX], *at = head;
    size_t text_bytes = 0;
    must(number_count <= NUMBERS_MAX && text_count <= TEXTS_MAX);
    *at++ = htole64(table);
    for (size_t i = 0; i < number_count; i++)
        *at++ = htole64(numbers[i]);
    for (size_t i = 0; i < text_count; i++) {
        *at++ = htole64(texts[i].len);
        text_bytes += texts[i].len;
    }
    return sum_of_pieces(head, (size_t)(at - head) * 8, texts, text_count, text_bytes);
}

uint64_t envelope_sum(const envelope_t *e, uint32_t content_len)
{
    const uint64_t numbers[] = {(uint64_t)e->seq, e->body_hash, (uint64_t)e->accepted.us,
                                e->class,         e->fields_len, content_len};
    const bytes_t texts[] = {bytes_of(e->id.b, 16), bytes_of(e->print.b, 16), e->source, e->route,
                             e->key, e->labels, e->content_type, e->trace};
    return sum_of(ROW_ENVELOPE, numbers, COUNT_OF(numbers), texts, COUNT_OF(texts));
}

uint64_t content_sum(int64_t seq, bytes_t data)
{
    return sum_of(ROW_CONTENT, (uint64_t[]){(uint64_t)seq}, 1, &data, 1);
}

uint64_t progress_sum(const progress_t *p)
{
    const uint64_t numbers[] = {
        (uint64_t)p->seq, p->state, p->holder_actor, p->holder_instance, p->attempt, p->failed,
        p->deaths, p->flags, p->holder_generation, p->fence, (uint64_t)p->due_us,
        (uint64_t)p->start_by_us, (uint64_t)p->finished.us, p->bytes};
    const bytes_t texts[] = {p->step, p->reason, p->results, p->slots};
    return sum_of(ROW_PROGRESS, numbers, COUNT_OF(numbers), texts, COUNT_OF(texts));
}

uint64_t prints_sum(int64_t group, int64_t newest, bytes_t entries)
{
    const uint64_t numbers[] = {(uint64_t)group, (uint64_t)newest};
    return sum_of(ROW_PRINTS, numbers, COUNT_OF(numbers), &entries, 1);
}

uint64_t lease_sum(const stored_lease_t *l)
{
    const uint64_t numbers[] = {l->fence, l->flags, (uint64_t)l->made.us, (uint64_t)l->expires_us,
                                l->ttl_ms, l->generation};
    const bytes_t texts[] = {l->id, l->holder, l->slots};
    return sum_of(ROW_LEASE, numbers, COUNT_OF(numbers), texts, COUNT_OF(texts));
}

uint64_t named_sum(enum row_table table, bytes_t name, bytes_t value)
{
    const bytes_t texts[] = {name, value};
    return sum_of(table, NULL, 0, texts, COUNT_OF(texts));
}

static void put_number(uint8_t *out, uint64_t number)
{
    number = htole64(number);
    memcpy(out, &number, sizeof number);
}

static uint64_t number_at(const uint8_t *in)
{
    uint64_t number;
    memcpy(&number, in, sizeof number);
    return le64toh(number);
}

void print_pack(uint8_t out[PRINT_BYTES], const envelope_t *e)
{
    memcpy(out, e->print.b, 16);
    put_number(out + 16, (uint64_t)e->seq);
    put_number(out + 24, e->body_hash);
    put_number(out + 32, (uint64_t)e->accepted.us);
}

stored_print_t print_unpack(const uint8_t in[PRINT_BYTES])
{
    stored_print_t p = {.seq = (int64_t)number_at(in + 16), .body_hash = number_at(in + 24),
                        .accepted = {(int64_t)number_at(in + 32)}};
    memcpy(p.print.b, in, 16);
    return p;
}
