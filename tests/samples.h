/* samples.h: items of every message of the table, filled by rule, for tests of the codec. Golden
 * frames were made with these rules: changing one makes them fail. */
#ifndef WEIR_TESTS_SAMPLES_H
#define WEIR_TESTS_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>

#include "protocol/protocol.h"

enum sample {
    SAMPLE_ZERO,    /* every field zero or empty, the required ones too */
    SAMPLE_MINIMAL, /* the required fields, with small values */
    SAMPLE_BOUNDS   /* every field at its limit; texts at most text_most bytes */
};

/* Aligned, and as large as the largest item. */
typedef union sample_item {
    uint64_t align[2];
    uint8_t bytes[FRAME_ITEMS_ROOM / BATCH_ITEMS_MAX];
} sample_item_t;

/* `len` readable letters, at most one more than any limit; they live for the whole program. */
static inline bytes_t sample_text(size_t len)
{
    static uint8_t letters[BODY_BYTES_MAX + 1];
    if (!letters[0])
        for (size_t i = 0; i < sizeof letters; i++)
            letters[i] = (uint8_t)('a' + i % 26);
    must(len <= sizeof letters);
    return bytes_of(letters, len);
}

static inline void sample_field(const field_spec_t *f, void *to, enum sample how, size_t text_most)
{
    bool bound = how == SAMPLE_BOUNDS;
    uint64_t number = bound ? f->limit : 1, letters = 3;
    if (bound)
        letters = f->limit < text_most ? f->limit : text_most;
    bytes_t text = sample_text(f->kind == FIELD_STR || f->kind == FIELD_BIN ? letters : 0);
    uint8_t id[16];
    for (unsigned i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(bound ? 0xff - i : f->key + i);
    switch ((enum field_kind)f->kind) {
    case FIELD_U64: memcpy(to, &number, sizeof number); break;
    case FIELD_ID:
    case FIELD_PRINT: memcpy(to, id, sizeof id); break;
    case FIELD_STR:
    case FIELD_BIN: memcpy(to, &text, sizeof text); break;
    }
}

static inline void sample_fill(const message_spec_t *spec, sample_item_t *item, enum sample how,
                               size_t text_most)
{
    memset(item, 0, sizeof *item);
    for (unsigned i = 0; i < spec->field_count; i++) {
        const field_spec_t *f = &spec->fields[i];
        if (how == SAMPLE_BOUNDS || (how == SAMPLE_MINIMAL && f->required))
            sample_field(f, item->bytes + f->offset, how, text_most);
    }
}

static inline bool sample_field_equal(const field_spec_t *f, const void *a, const void *b)
{
    const uint8_t *x = (const uint8_t *)a + f->offset, *y = (const uint8_t *)b + f->offset;
    switch ((enum field_kind)f->kind) {
    case FIELD_U64: return memcmp(x, y, sizeof(uint64_t)) == 0;
    case FIELD_ID:
    case FIELD_PRINT: return memcmp(x, y, sizeof(msgid_t)) == 0;
    case FIELD_STR:
    case FIELD_BIN: return bytes_equal(*(const bytes_t *)x, *(const bytes_t *)y);
    }
    return false;
}

/* The name of the first field that differs; NULL: all are equal. */
static inline const char *sample_difference(const message_spec_t *spec, const void *a,
                                            const void *b)
{
    for (unsigned i = 0; i < spec->field_count; i++)
        if (!sample_field_equal(&spec->fields[i], a, b))
            return spec->fields[i].name;
    return NULL;
}

/* Bytes written as hex, blanks allowed; the caller frees. */
static inline uint8_t *sample_hex(const char *text, size_t *len)
{
    uint8_t *out = malloc(strlen(text) / 2 + 1);
    must(out);
    unsigned value = 0;
    int used = 0;
    for (*len = 0; sscanf(text, " %2x%n", &value, &used) == 1; text += used)
        out[(*len)++] = (uint8_t)value;
    must(text[strspn(text, " ")] == '\0');
    return out;
}

#endif
