/* decode.c: from bytes to items, driven by the table. The whole frame has been scanned before the
 * first field is looked at, and the items lie in the caller's buffer: nothing here can be made to
 * allocate. */
#include "core/utf8.h"
#include "protocol/scan.h"

/* One message's table, prepared for a frame's items. */
typedef struct plan {
    const message_spec_t *spec;
    uint16_t required; /* a bit a field */
} plan_t;

static plan_t plan_of(const message_spec_t *spec)
{
    plan_t plan = {spec, 0};
    for (unsigned i = 0; i < spec->field_count; i++)
        plan.required |= (uint16_t)(spec->fields[i].required << i);
    return plan;
}

/* Fields nearly always come in the table's order: `guess` is where the next one is expected. */
static int field_of(const message_spec_t *spec, uint64_t key, unsigned guess)
{
    if (guess < spec->field_count && spec->fields[guess].key == key)
        return (int)guess;
    for (unsigned i = 0; i < spec->field_count; i++)
        if (spec->fields[i].key == key)
            return (int)i;
    return -1;
}

static enum frame_error store_text(const field_spec_t *f, const token_t *t, void *to)
{
    if (t->kind != (f->kind == FIELD_STR ? TOKEN_STR : TOKEN_BIN))
        return FRAME_KIND;
    if (t->content.len > f->limit)
        return FRAME_LIMIT;
    if (f->kind == FIELD_STR && !utf8_valid(t->content))
        return FRAME_TEXT;
    memcpy(to, &t->content, sizeof t->content);
    return FRAME_OK;
}

static enum frame_error store_field(const field_spec_t *f, const token_t *t, uint8_t *item)
{
    void *to = item + f->offset;
    switch ((enum field_kind)f->kind) {
    case FIELD_U64:
        if (t->kind != TOKEN_UINT)
            return FRAME_KIND;
        if (t->number > f->limit)
            return FRAME_LIMIT;
        memcpy(to, &t->number, sizeof t->number);
        return FRAME_OK;
    case FIELD_ID:
    case FIELD_PRINT:
        if (t->kind != TOKEN_BIN)
            return FRAME_KIND;
        if (t->content.len != sizeof(msgid_t))
            return FRAME_LIMIT;
        memcpy(to, t->content.data, sizeof(msgid_t));
        return FRAME_OK;
    case FIELD_STR:
    case FIELD_BIN:
        return store_text(f, t, to);
    }
    return FRAME_KIND;
}

/* Which keys of a map have been seen: known or not, none may come twice. */
typedef struct keys { uint64_t seen[(FRAME_KEY_MAX + 1) / 64]; } keys_t;

static enum frame_error take_key(reader_t *r, keys_t *keys, uint64_t *key)
{
    token_t token;
    enum frame_error e = reader_token(r, &token);
    if (e != FRAME_OK)
        return e;
    if (token.kind != TOKEN_UINT || token.number > FRAME_KEY_MAX)
        return FRAME_KIND;
    *key = token.number;
    uint64_t bit = (uint64_t)1 << (*key & 63), *word = &keys->seen[*key >> 6];
    if (*word & bit)
        return FRAME_REPEATED;
    *word |= bit;
    return FRAME_OK;
}

static enum frame_error take_item(reader_t *r, const plan_t *plan, uint8_t *item)
{
    token_t map, value;
    enum frame_error e = reader_token(r, &map);
    if (e != FRAME_OK || map.kind != TOKEN_MAP)
        return e != FRAME_OK ? e : FRAME_SHAPE;
    memset(item, 0, plan->spec->size);
    keys_t keys = {{0}};
    unsigned found = 0, guess = 0;
    for (uint64_t pairs = map.number / 2; pairs > 0; pairs--) {
        uint64_t key = 0;
        e = take_key(r, &keys, &key);
        int i = e == FRAME_OK ? field_of(plan->spec, key, guess) : -1;
        if (e == FRAME_OK && i < 0) {
            e = reader_skip(r); /* of a later minor version */
        } else if (e == FRAME_OK) {
            e = reader_token(r, &value);
            e = e == FRAME_OK ? store_field(&plan->spec->fields[i], &value, item) : e;
            found |= 1u << i;
            guess = (unsigned)i + 1;
        }
        if (e != FRAME_OK)
            return e;
    }
    return (found & plan->required) == plan->required ? FRAME_OK : FRAME_MISSING;
}

static enum frame_error take_number(reader_t *r, uint64_t limit, uint64_t *out)
{
    token_t token;
    enum frame_error e = reader_token(r, &token);
    if (e != FRAME_OK)
        return e;
    if (token.kind != TOKEN_UINT)
        return FRAME_SHAPE;
    if (token.number > limit)
        return FRAME_LIMIT;
    *out = token.number;
    return FRAME_OK;
}

/* Magic and version first: another version may have another shape behind them. */
static enum frame_error take_version(reader_t *r, token_t *array, frame_head_t *head)
{
    uint64_t magic = 0, version = 0;
    enum frame_error e = reader_token(r, array);
    if (e != FRAME_OK || array->kind != TOKEN_ARRAY || array->number < 2)
        return e != FRAME_OK ? e : FRAME_MAGIC;
    if (take_number(r, UINT64_MAX, &magic) != FRAME_OK || magic != PROTOCOL_MAGIC)
        return FRAME_MAGIC;
    if (take_number(r, UINT64_MAX, &version) != FRAME_OK || version > PROTOCOL_VERSION ||
        version == 0 || version + 1 < PROTOCOL_VERSION)
        return FRAME_VERSION;
    head->version = (uint8_t)version;
    return FRAME_OK;
}

static enum frame_error take_head(reader_t *r, frame_head_t *head, const message_spec_t **spec)
{
    token_t array;
    uint64_t type = 0, partition = 0, link = 0;
    enum frame_error e = take_version(r, &array, head);
    if (e != FRAME_OK)
        return e;
    if (array.number != FRAME_HEAD_VALUES + 1)
        return FRAME_SHAPE;
    if ((e = take_number(r, UINT64_MAX, &type)) != FRAME_OK)
        return e;
    *spec = message_spec(type < MESSAGE_TYPE_LIMIT ? (unsigned)type : MESSAGE_TYPE_LIMIT);
    if (!*spec)
        return FRAME_TYPE;
    if ((e = take_number(r, UINT16_MAX, &partition)) != FRAME_OK ||
        (e = take_number(r, UINT32_MAX, &link)) != FRAME_OK ||
        (e = take_number(r, UINT64_MAX, &head->number)) != FRAME_OK)
        return e;
    head->type = (uint8_t)type;
    head->partition = (uint16_t)partition;
    head->link = (uint32_t)link;
    return FRAME_OK;
}

static enum frame_error take_items(reader_t *r, const message_spec_t *spec, uint8_t *buffer,
                                   size_t room, size_t *count)
{
    token_t array = {.number = 1};
    enum frame_error e = spec->many ? reader_token(r, &array) : FRAME_OK;
    if (e != FRAME_OK || (spec->many && array.kind != TOKEN_ARRAY))
        return e != FRAME_OK ? e : FRAME_SHAPE;
    if (array.number == 0 || array.number > BATCH_ITEMS_MAX)
        return FRAME_COUNT;
    if (array.number > room / spec->size)
        return FRAME_ROOM;
    plan_t plan = plan_of(spec);
    for (size_t i = 0; i < array.number && e == FRAME_OK; i++)
        e = take_item(r, &plan, buffer + i * spec->size);
    *count = (size_t)array.number;
    return e;
}

enum frame_error frame_decode(bytes_t frame, void *buffer, size_t room, message_t *out)
{
    must((uintptr_t)buffer % _Alignof(uint64_t) == 0);
    if (frame.len > FRAME_BYTES_MAX)
        return FRAME_TOO_LARGE;
    reader_t whole = {frame.data, frame.data + frame.len}, r = whole;
    enum frame_error e = reader_skip(&whole);
    if (e == FRAME_OK && whole.at != whole.end)
        e = FRAME_TRAILING;
    message_t message = {.items = buffer};
    if (e == FRAME_OK)
        e = take_head(&r, &message.head, &message.spec);
    if (e == FRAME_OK)
        e = take_items(&r, message.spec, buffer, room, &message.count);
    if (e == FRAME_OK)
        *out = message;
    return e;
}
