#include "store/row.h"

#include <endian.h>
#include <xxhash.h>

static uint64_t sum_of_numbers(enum row_table table, const uint64_t *numbers, size_t count)
{
    uint64_t little[16];
    must(count <= COUNT_OF(little));
    for (size_t i = 0; i < count; i++)
        little[i] = htole64(numbers[i]);
    return XXH3_64bits_withSeed(little, count * 8, table);
}

/* Each text is hashed with the sum so far as its seed: neither order nor borders can be confused. */
static uint64_t sum_with(uint64_t sum, bytes_t text)
{
    return XXH3_64bits_withSeed(text.len ? (const void *)text.data : "", text.len, sum ^ text.len);
}

uint64_t envelope_sum(const envelope_t *e, uint32_t content_len)
{
    const uint64_t numbers[] = {(uint64_t)e->seq, e->body_hash, (uint64_t)e->accepted.us,
                                e->class,         e->fields_len, content_len};
    uint64_t sum = sum_of_numbers(ROW_ENVELOPE, numbers, COUNT_OF(numbers));
    const bytes_t texts[] = {bytes_of(e->id.b, 16), bytes_of(e->print.b, 16), e->source, e->route,
                             e->key, e->labels, e->content_type, e->trace};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        sum = sum_with(sum, texts[i]);
    return sum;
}

uint64_t content_sum(int64_t seq, bytes_t data)
{
    const uint64_t numbers[] = {(uint64_t)seq};
    return sum_with(sum_of_numbers(ROW_CONTENT, numbers, 1), data);
}

uint64_t progress_sum(const progress_t *p)
{
    const uint64_t numbers[] = {
        (uint64_t)p->seq, p->state, p->holder_actor, p->holder_instance, p->attempt, p->failed,
        p->deaths, p->flags, p->holder_generation, p->fence, (uint64_t)p->due_us,
        (uint64_t)p->start_by_us, (uint64_t)p->finished.us, p->bytes};
    uint64_t sum = sum_of_numbers(ROW_PROGRESS, numbers, COUNT_OF(numbers));
    const bytes_t texts[] = {p->step, p->reason, p->results, p->slots};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        sum = sum_with(sum, texts[i]);
    return sum;
}

uint64_t prints_sum(int64_t group, int64_t newest, bytes_t entries)
{
    const uint64_t numbers[] = {(uint64_t)group, (uint64_t)newest};
    return sum_with(sum_of_numbers(ROW_PRINTS, numbers, COUNT_OF(numbers)), entries);
}

uint64_t named_sum(enum row_table table, bytes_t name, bytes_t value)
{
    return sum_with(sum_with(sum_of_numbers(table, NULL, 0), name), value);
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
