/* encode.c: from items to bytes, by msgpack-c's packer over a buffer of our own. Room is made once
 * for an item before it is packed, so no pack call can fail and none allocates. */
#include <errno.h>
#include <msgpack/pack.h>
#include <stdlib.h>

#include "core/utf8.h"
#include "protocol/protocol.h"

#define HEAD_BYTES_MAX 48 /* the envelope and the payload array's head; 28 are used at most */
#define FIRST_BYTES (64u << 10)

/* The payload is packed from HEAD_BYTES_MAX on; the head, whose length depends on the numbers in
 * it, is put right before it at the end. */
struct frame_builder {
    const message_spec_t *spec;
    uint8_t *bytes;
    size_t capacity, end, count;
    msgpack_packer packer;
};

static int append(void *to, const char *data, size_t len)
{
    frame_builder_t *b = to;
    memcpy(b->bytes + b->end, data, len);
    b->end += len;
    return 0;
}

frame_builder_t *frame_builder_new(void)
{
    frame_builder_t *b = calloc(1, sizeof *b);
    must(b);
    b->capacity = FIRST_BYTES;
    b->bytes = malloc(b->capacity);
    must(b->bytes);
    b->end = HEAD_BYTES_MAX;
    msgpack_packer_init(&b->packer, b, append);
    return b;
}

void frame_builder_destroy(frame_builder_t **b)
{
    if (*b)
        free((*b)->bytes);
    free(*b);
    *b = NULL;
}

void frame_begin(frame_builder_t *b, enum message_type type)
{
    b->spec = message_spec(type);
    must(b->spec);
    b->count = 0;
    b->end = HEAD_BYTES_MAX;
}

static void make_room(frame_builder_t *b, size_t more)
{
    if (more <= b->capacity - b->end)
        return;
    while (more > b->capacity - b->end)
        b->capacity *= 2;
    b->bytes = realloc(b->bytes, b->capacity);
    must(b->bytes);
}

static bool is_zero_id(const void *id)
{
    static const msgid_t zero;
    return memcmp(id, &zero, sizeof zero) == 0;
}

/* Zero and empty are what an absent optional field is read as: it is left out. */
static bool is_absent(const field_spec_t *f, const void *value)
{
    switch ((enum field_kind)f->kind) {
    case FIELD_U64: return *(const uint64_t *)value == 0;
    case FIELD_ID:
    case FIELD_PRINT: return is_zero_id(value);
    case FIELD_STR:
    case FIELD_BIN: return ((const bytes_t *)value)->len == 0;
    }
    return false;
}

/* Adds the field's variable bytes to *total. False: over its limit, or a text that is none. */
static bool fits_its_limit(const field_spec_t *f, const void *value, size_t *total)
{
    if (f->kind == FIELD_U64)
        return *(const uint64_t *)value <= f->limit;
    if (f->kind == FIELD_ID || f->kind == FIELD_PRINT)
        return true;
    const bytes_t *content = value;
    if (content->len > f->limit)
        return false;
    *total += content->len;
    return f->kind == FIELD_BIN || utf8_valid(*content);
}

static void pack_value(msgpack_packer *p, const field_spec_t *f, const void *value)
{
    const bytes_t *content = value;
    switch ((enum field_kind)f->kind) {
    case FIELD_U64:
        msgpack_pack_uint64(p, *(const uint64_t *)value);
        break;
    case FIELD_ID:
    case FIELD_PRINT:
        msgpack_pack_bin(p, sizeof(msgid_t));
        msgpack_pack_bin_body(p, value, sizeof(msgid_t));
        break;
    case FIELD_STR:
        msgpack_pack_str(p, content->len);
        msgpack_pack_str_body(p, content->len ? (const void *)content->data : "", content->len);
        break;
    case FIELD_BIN:
        msgpack_pack_bin(p, content->len);
        msgpack_pack_bin_body(p, content->len ? (const void *)content->data : "", content->len);
        break;
    }
}

int frame_add(frame_builder_t *b, const void *item)
{
    const message_spec_t *spec = b->spec;
    const uint8_t *from = item;
    size_t variable = 0, fields = 0;
    for (unsigned i = 0; i < spec->field_count; i++) {
        const field_spec_t *f = &spec->fields[i];
        if (!fits_its_limit(f, from + f->offset, &variable))
            return -EINVAL;
        fields += f->required || !is_absent(f, from + f->offset);
    }
    size_t most = variable + FRAME_ITEM_OVERHEAD;
    if (b->count == (spec->many ? BATCH_ITEMS_MAX : 1) || most > FRAME_BYTES_MAX - b->end)
        return -ENOSPC;
    make_room(b, most);
    msgpack_pack_map(&b->packer, fields);
    for (unsigned i = 0; i < spec->field_count; i++) {
        const field_spec_t *f = &spec->fields[i];
        if (!f->required && is_absent(f, from + f->offset))
            continue;
        msgpack_pack_uint8(&b->packer, f->key);
        pack_value(&b->packer, f, from + f->offset);
    }
    b->count++;
    return 0;
}

size_t frame_count(const frame_builder_t *b)
{
    return b->count;
}

size_t frame_size(const frame_builder_t *b)
{
    return b->end;
}

typedef struct head_bytes { uint8_t bytes[HEAD_BYTES_MAX]; size_t len; } head_bytes_t;

static int append_head(void *to, const char *data, size_t len)
{
    head_bytes_t *head = to;
    must(len <= sizeof head->bytes - head->len);
    memcpy(head->bytes + head->len, data, len);
    head->len += len;
    return 0;
}

bytes_t frame_finish(frame_builder_t *b, uint16_t partition, uint32_t link, uint64_t number)
{
    must(b->spec && b->count > 0);
    head_bytes_t head = {.len = 0};
    msgpack_packer p;
    msgpack_packer_init(&p, &head, append_head);
    msgpack_pack_array(&p, FRAME_HEAD_VALUES + 1);
    msgpack_pack_uint32(&p, PROTOCOL_MAGIC);
    msgpack_pack_uint8(&p, PROTOCOL_VERSION);
    msgpack_pack_uint8(&p, b->spec->type);
    msgpack_pack_uint16(&p, partition);
    msgpack_pack_uint32(&p, link);
    msgpack_pack_uint64(&p, number);
    if (b->spec->many)
        msgpack_pack_array(&p, b->count);
    uint8_t *start = b->bytes + HEAD_BYTES_MAX - head.len;
    memcpy(start, head.bytes, head.len);
    return bytes_of(start, b->end - HEAD_BYTES_MAX + head.len);
}
