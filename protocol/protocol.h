/* protocol.h: the messages as C structs, and frames as bytes.
 *
 * A frame is one ZeroMQ part: a msgpack array of seven,
 *   [magic, version, type, partition, link generation, sequence number, payload]
 * where payload is a map with integer keys (form ONE) or an array of 1 to BATCH_ITEMS_MAX such maps
 * (MANY). STR fields are UTF-8 without U+0000; encoding checks it too (utf8_prefix makes a text of
 * what may be none).
 * Decoding allocates nothing and refuses bad input before anything else looks at it: strings and
 * bytes of decoded items point into the frame, items lie in the caller's buffer. Never logs. */
#ifndef WEIR_PROTOCOL_H
#define WEIR_PROTOCOL_H

#include "core/base.h"
#include "protocol/limits.h"

#define PROTOCOL_MAGIC 0x57454952u /* "WEIR" */
#define PROTOCOL_VERSION 1         /* this one and the one before it are served */
#define FRAME_HEAD_VALUES 6        /* before the payload */
#define FRAME_KEY_MAX 127          /* keys of fields, also of those that only later versions know */

enum message_type {
#define MESSAGE(number, NAME, name, form, way, meaning) MESSAGE_##NAME = number,
#define FIELD(name, key, kind, field, need, limit, meaning)
#define END(name)
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    MESSAGE_TYPE_LIMIT = 64
};

#define KIND_U64 uint64_t
#define KIND_ID msgid_t
#define KIND_PRINT dedup_print_t
#define KIND_STR bytes_t
#define KIND_BIN bytes_t
#define MESSAGE(number, NAME, name, form, way, meaning) typedef struct msg_##name {
#define FIELD(name, key, kind, field, need, limit, meaning) KIND_##kind field;
#define END(name) } msg_##name##_t;
#include "protocol/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

/* The table as data, for the codec, the documentation and the tests. */
enum { TOLD_AHEAD = 1, TOLD_START = 2 }; /* of a verdict's `known` */

enum field_kind { FIELD_U64, FIELD_ID, FIELD_PRINT, FIELD_STR, FIELD_BIN };
typedef struct field_spec {
    uint8_t key;
    uint8_t kind;        /* enum field_kind */
    bool required;
    uint16_t offset;     /* in the struct */
    uint64_t limit;
    const char *name, *meaning;
} field_spec_t;
typedef struct message_spec {
    uint8_t type;
    bool many;
    uint16_t size;       /* of the struct */
    uint8_t field_count; /* at most 16 */
    const field_spec_t *fields;
    const char *name, *way, *meaning;
} message_spec_t;
const message_spec_t *message_spec(unsigned type); /* NULL: no such message */

/* What stands before the payload. */
typedef struct frame_head {
    uint8_t version, type;
    uint16_t partition;
    uint32_t link;       /* link generation of the sender's link */
    uint64_t number;     /* sequence number on this link, from 1 */
} frame_head_t;

/* Why a frame was refused. FRAME_OK is 0. */
enum frame_error {
    FRAME_OK, FRAME_TOO_LARGE, FRAME_NOT_MSGPACK, FRAME_NESTING, FRAME_COUNT,
    FRAME_MAGIC, FRAME_VERSION, FRAME_TYPE, FRAME_SHAPE, FRAME_KIND, FRAME_TEXT, FRAME_LIMIT,
    FRAME_MISSING, FRAME_REPEATED, FRAME_TRAILING, FRAME_ROOM, FRAME_ERROR_COUNT
};
const char *frame_error_text(enum frame_error e); /* one clear line */

/* A decoded frame: items is an array of `count` structs of spec->size (msg_submit_t and so on),
 * lying in the caller's buffer; what they point at lies in the frame. */
typedef struct message {
    frame_head_t head;
    const message_spec_t *spec;
    const void *items;
    size_t count;
} message_t;

/* Decodes one frame. `room` bytes at `buffer` (aligned to 16) hold the items; BATCH_ITEMS_MAX items
 * of the largest message always fit in FRAME_ITEMS_ROOM. Returns FRAME_OK or why not, `out`
 * untouched then. */
#define FRAME_ITEMS_ROOM (BATCH_ITEMS_MAX * 320u)
enum frame_error frame_decode(bytes_t frame, void *buffer, size_t room, message_t *out);

/* Builds one frame: begin, add items of one type (MANY) or one item (ONE), finish. Grows up to
 * FRAME_BYTES_MAX. Not thread-safe. */
typedef struct frame_builder frame_builder_t;
frame_builder_t *frame_builder_new(void);
void frame_builder_destroy(frame_builder_t **b);
void frame_begin(frame_builder_t *b, enum message_type type);
/* 0; -ENOSPC: does not fit any more, the frame so far is whole; -EINVAL: over a limit of the table
 * or a text that is not UTF-8: nothing was added. Optional fields that are zero or empty take no
 * bytes. */
int frame_add(frame_builder_t *b, const void *item);
size_t frame_count(const frame_builder_t *b);
size_t frame_size(const frame_builder_t *b); /* at most: the head is counted at its largest */
/* Completes the head of a frame that has items and lends the bytes until the next add or begin. */
bytes_t frame_finish(frame_builder_t *b, uint16_t partition, uint32_t link, uint64_t number);

/* How many bytes of a frame one item takes at most, without its variable bytes. */
#define FRAME_ITEM_OVERHEAD 192u

#endif
