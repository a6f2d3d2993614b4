/* protocol.c: the table as data, the sums that must fit, and the sentences for refusals. */
#include "protocol/protocol.h"

#define NEED_REQUIRED true
#define NEED_OPTIONAL false

#define MESSAGE(number, NAME, name, form, way, meaning) \
    static const field_spec_t fields_of_##name[] = {
#define FIELD(name, key, kind, field, need, limit, meaning) \
    {key, FIELD_##kind, NEED_##need, offsetof(msg_##name##_t, field), limit, #field, meaning},
#define END(name) };
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

#define FORM_ONE false
#define FORM_MANY true
static const message_spec_t specs[MESSAGE_TYPE_LIMIT] = {
#define MESSAGE(number, NAME, name, form, way, meaning)                                           \
    [number] = {number, FORM_##form, sizeof(msg_##name##_t), COUNT_OF(fields_of_##name),           \
                fields_of_##name, #name, way, meaning},
#define FIELD(name, key, kind, field, need, limit, meaning)
#define END(name)
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
};

/* Bytes of a field's key and head on the wire, and of its content, at most. */
#define HEAD_U64 (1 + 9)
#define HEAD_ID (1 + 2 + 16)
#define HEAD_PRINT (1 + 2 + 16)
#define HEAD_STR (1 + 5)
#define HEAD_BIN (1 + 5)
#define MOST_U64(limit) 0
#define MOST_ID(limit) 0
#define MOST_PRINT(limit) 0
#define MOST_STR(limit) (limit)
#define MOST_BIN(limit) (limit)
#define BEFORE_THE_PAYLOAD 64

#define MESSAGE(number, NAME, name, form, way, meaning) enum { overhead_of_##name = 3
#define FIELD(name, key, kind, field, need, limit, meaning) + HEAD_##kind
#define END(name) };                                                                               \
    _Static_assert(overhead_of_##name <= FRAME_ITEM_OVERHEAD, "an item's fixed bytes: " #name);
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

#define MESSAGE(number, NAME, name, form, way, meaning)                                            \
    _Static_assert(number < MESSAGE_TYPE_LIMIT, "number of " #name);                               \
    enum { most_of_##name = FRAME_ITEM_OVERHEAD + BEFORE_THE_PAYLOAD
#define FIELD(name, key, kind, field, need, limit, meaning) + MOST_##kind(limit)
#define END(name) };                                                                               \
    _Static_assert(most_of_##name <= FRAME_BYTES_MAX, "the largest item fits in a frame: " #name); \
    _Static_assert(sizeof(msg_##name##_t) * BATCH_ITEMS_MAX <= FRAME_ITEMS_ROOM, "room: " #name);  \
    _Static_assert(COUNT_OF(fields_of_##name) <= 16, "the codec's masks: " #name);
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

#define MESSAGE(number, NAME, name, form, way, meaning)
#define FIELD(name, key, kind, field, need, limit, meaning) \
    _Static_assert((key) >= 0 && (key) <= FRAME_KEY_MAX, "key of " #name "." #field);
#define END(name)
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

const message_spec_t *message_spec(unsigned type)
{
    return type < MESSAGE_TYPE_LIMIT && specs[type].name ? &specs[type] : NULL;
}

static const char *const error_texts[] = {
    [FRAME_OK] = "whole and well formed",
    [FRAME_TOO_LARGE] = "larger than any frame may be",
    [FRAME_NOT_MSGPACK] = "not msgpack, or cut off",
    [FRAME_NESTING] = "nested too deeply",
    [FRAME_COUNT] = "declares more than it holds, or more items than a frame may have",
    [FRAME_MAGIC] = "not a Weir frame",
    [FRAME_VERSION] = "of a protocol version that is not served here",
    [FRAME_TYPE] = "of a message type that is not known here",
    [FRAME_SHAPE] = "not in the shape of a frame or of its message",
    [FRAME_KIND] = "has a field of the wrong kind",
    [FRAME_TEXT] = "has a text that is not UTF-8",
    [FRAME_LIMIT] = "has a field over its limit",
    [FRAME_MISSING] = "lacks a required field",
    [FRAME_REPEATED] = "has a field twice",
    [FRAME_TRAILING] = "goes on after its end",
    [FRAME_ROOM] = "has more items than there is room for",
};
_Static_assert(COUNT_OF(error_texts) == FRAME_ERROR_COUNT, "a sentence for every refusal");

const char *frame_error_text(enum frame_error e)
{
    return (unsigned)e < FRAME_ERROR_COUNT ? error_texts[e] : "refused";
}
