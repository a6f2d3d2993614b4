/* Any bytes as a frame: the decoder never reads outside them, and what it takes is what msgpack-c
 * reads of them. The scan came first, so msgpack-c is only ever given what cannot make it reserve
 * memory without end: of what the decoder refuses as not msgpack, too deep or too much, nothing.
 * What was taken is built again and taken again. */
#include <msgpack.h>

#include "core/utf8.h"
#include "tests/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) must(cond)

static const msgpack_object *value_of(const msgpack_object *map, uint64_t key)
{
    for (uint32_t i = 0; i < map->via.map.size; i++)
        if (map->via.map.ptr[i].key.via.u64 == key)
            return &map->via.map.ptr[i].val;
    return NULL;
}

static void check_field(const field_spec_t *f, const msgpack_object *o, const uint8_t *item)
{
    uint64_t number;
    bytes_t content;
    static const uint8_t zeros[sizeof(bytes_t)];
    if (!o) {
        size_t size = f->kind == FIELD_U64 ? sizeof number : sizeof content;
        CHECK(!f->required && memcmp(item + f->offset, zeros, size) == 0);
        return;
    }
    memcpy(&number, item + f->offset, sizeof number);
    switch ((enum field_kind)f->kind) {
    case FIELD_U64:
        CHECK(o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 == number &&
              number <= f->limit);
        break;
    case FIELD_ID:
    case FIELD_PRINT:
        CHECK(o->type == MSGPACK_OBJECT_BIN && o->via.bin.size == sizeof(msgid_t));
        CHECK(memcmp(o->via.bin.ptr, item + f->offset, sizeof(msgid_t)) == 0);
        break;
    case FIELD_STR:
    case FIELD_BIN:
        memcpy(&content, item + f->offset, sizeof content);
        CHECK(o->type == (f->kind == FIELD_STR ? MSGPACK_OBJECT_STR : MSGPACK_OBJECT_BIN));
        CHECK(content.len <= f->limit && (f->kind == FIELD_BIN || utf8_valid(content)));
        CHECK(bytes_equal(content, bytes_of(o->via.str.ptr, o->via.str.size)));
        break;
    }
}

static void check_head(const msgpack_object *frame, const frame_head_t *head)
{
    const uint64_t values[] = {PROTOCOL_MAGIC, head->version,  head->type,
                               head->partition, head->link, head->number};
    CHECK(frame->type == MSGPACK_OBJECT_ARRAY && frame->via.array.size == COUNT_OF(values) + 1);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        const msgpack_object *o = &frame->via.array.ptr[i];
        CHECK(o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 == values[i]);
    }
}

static void check_items(const msgpack_object *payload, const message_t *m)
{
    CHECK(payload->type == (m->spec->many ? MSGPACK_OBJECT_ARRAY : MSGPACK_OBJECT_MAP));
    CHECK(m->count == (m->spec->many ? payload->via.array.size : 1));
    for (size_t i = 0; i < m->count; i++) {
        const msgpack_object *map = m->spec->many ? &payload->via.array.ptr[i] : payload;
        CHECK(map->type == MSGPACK_OBJECT_MAP);
        for (unsigned k = 0; k < m->spec->field_count; k++) {
            const field_spec_t *f = &m->spec->fields[k];
            check_field(f, value_of(map, f->key), (const uint8_t *)m->items + i * m->spec->size);
        }
    }
}

static void check_against_msgpack_c(bytes_t frame, enum frame_error e, const message_t *m)
{
    msgpack_unpacked result;
    size_t offset = 0;
    msgpack_unpacked_init(&result);
    msgpack_unpack_return r =
        msgpack_unpack_next(&result, (const char *)frame.data, frame.len, &offset);
    CHECK(r == MSGPACK_UNPACK_SUCCESS || r == MSGPACK_UNPACK_EXTRA_BYTES);
    CHECK((offset != frame.len) == (e == FRAME_TRAILING));
    if (e == FRAME_OK) {
        check_head(&result.data, &m->head);
        check_items(&result.data.via.array.ptr[FRAME_HEAD_VALUES], m);
    }
    msgpack_unpacked_destroy(&result);
}

static void check_built_again(const message_t *m, frame_builder_t *b)
{
    static _Alignas(16) uint8_t again[FRAME_ITEMS_ROOM];
    message_t copy;
    frame_begin(b, m->spec->type);
    for (size_t i = 0; i < m->count; i++)
        CHECK(frame_add(b, (const uint8_t *)m->items + i * m->spec->size) == 0);
    bytes_t frame = frame_finish(b, m->head.partition, m->head.link, m->head.number);
    CHECK(frame_decode(frame, again, sizeof again, &copy) == FRAME_OK && copy.count == m->count);
    for (size_t i = 0; i < m->count; i++)
        CHECK(!sample_difference(m->spec, (const uint8_t *)m->items + i * m->spec->size,
                                 again + i * m->spec->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(16) uint8_t room[FRAME_ITEMS_ROOM];
    static frame_builder_t *builder; /* one for the whole run */
    message_t m = {.count = 0};
    if (!builder)
        builder = frame_builder_new();
    enum frame_error e = frame_decode(bytes_of(data, size), room, sizeof room, &m);
    CHECK((unsigned)e < FRAME_ERROR_COUNT && frame_error_text(e));
    if (e == FRAME_TOO_LARGE || e == FRAME_NOT_MSGPACK || e == FRAME_NESTING || e == FRAME_COUNT)
        return 0;
    check_against_msgpack_c(bytes_of(data, size), e, &m);
    if (e == FRAME_OK)
        check_built_again(&m, builder);
    return 0;
}
