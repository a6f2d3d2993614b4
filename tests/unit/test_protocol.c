/* The codec against its table: what is sent comes back, what is wrong is refused, and nothing is
 * allocated for it. */
#include <errno.h>
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/samples.h"

static _Alignas(16) uint8_t room[FRAME_ITEMS_ROOM];

static enum frame_error decoded(bytes_t frame, message_t *out)
{
    return frame_decode(frame, room, sizeof room, out);
}

#define FOR_EACH_MESSAGE(spec)                                         \
    for (unsigned type = 0; type < MESSAGE_TYPE_LIMIT + 2u; type++)    \
        for (const message_spec_t *spec = message_spec(type); spec; spec = NULL)

static void assert_round_trip(frame_builder_t *b, const message_spec_t *spec,
                              const sample_item_t *item)
{
    message_t m;
    frame_begin(b, spec->type);
    assert_int_equal(frame_add(b, item), 0);
    bytes_t frame = frame_finish(b, UINT16_MAX, UINT32_MAX, UINT64_MAX);
    assert_true(frame.len <= frame_size(b));
    assert_string_equal(frame_error_text(decoded(frame, &m)), frame_error_text(FRAME_OK));
    assert_ptr_equal(m.spec, spec);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.head.type, spec->type);
    assert_int_equal(m.head.version, PROTOCOL_VERSION);
    assert_int_equal(m.head.partition, UINT16_MAX);
    assert_int_equal(m.head.link, UINT32_MAX);
    assert_true(m.head.number == UINT64_MAX);
    const char *different = sample_difference(spec, item, m.items);
    if (different)
        fail_msg("%s.%s came back different", spec->name, different);
}

static void every_message_comes_back_as_it_was_sent(void **state)
{
    (void)state;
    frame_builder_t *b = frame_builder_new();
    FOR_EACH_MESSAGE(spec)
        for (enum sample how = SAMPLE_ZERO; how <= SAMPLE_BOUNDS; how++) {
            sample_item_t item;
            sample_fill(spec, &item, how, SIZE_MAX);
            assert_round_trip(b, spec, &item);
        }
    frame_builder_destroy(&b);
    assert_null(b);
}

static void every_single_field_comes_back_at_its_bound(void **state)
{
    (void)state;
    frame_builder_t *b = frame_builder_new();
    FOR_EACH_MESSAGE(spec)
        for (unsigned i = 0; i < spec->field_count; i++) {
            sample_item_t item;
            sample_fill(spec, &item, SAMPLE_ZERO, 0);
            const field_spec_t *f = &spec->fields[i];
            sample_field(f, item.bytes + f->offset, SAMPLE_BOUNDS, SIZE_MAX);
            assert_round_trip(b, spec, &item);
        }
    frame_builder_destroy(&b);
}

/* A sender that knows no limits: packs the item as it is, through msgpack-c. */
static void pack_unchecked(msgpack_packer *p, const message_spec_t *spec, const sample_item_t *item)
{
    msgpack_pack_map(p, spec->field_count);
    for (unsigned i = 0; i < spec->field_count; i++) {
        const field_spec_t *f = &spec->fields[i];
        const void *at = item->bytes + f->offset;
        const bytes_t *content = at;
        msgpack_pack_uint8(p, f->key);
        if (f->kind == FIELD_U64)
            msgpack_pack_uint64(p, *(const uint64_t *)at);
        else if (f->kind == FIELD_STR)
            msgpack_pack_str_with_body(p, content->len ? (const void *)content->data : "",
                                       content->len);
        else if (f->kind == FIELD_BIN)
            msgpack_pack_bin_with_body(p, content->len ? (const void *)content->data : "",
                                       content->len);
        else
            msgpack_pack_bin_with_body(p, at, sizeof(msgid_t));
    }
}

static enum frame_error decoded_unchecked(const message_spec_t *spec, const sample_item_t *item,
                                          size_t count)
{
    msgpack_sbuffer bytes;
    msgpack_packer p;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&p, &bytes, msgpack_sbuffer_write);
    const uint64_t head[] = {PROTOCOL_MAGIC, PROTOCOL_VERSION, spec->type, 0, 1, 1};
    msgpack_pack_array(&p, COUNT_OF(head) + 1);
    for (size_t i = 0; i < COUNT_OF(head); i++)
        msgpack_pack_uint64(&p, head[i]);
    if (spec->many)
        msgpack_pack_array(&p, count);
    for (size_t i = 0; i < count; i++)
        pack_unchecked(&p, spec, item);
    message_t m;
    enum frame_error e = decoded(bytes_of(bytes.data, bytes.size), &m);
    msgpack_sbuffer_destroy(&bytes);
    return e;
}

/* Puts the field one over its limit; false where nothing can be over it. */
static bool exceed(const field_spec_t *f, sample_item_t *item)
{
    void *to = item->bytes + f->offset;
    uint64_t number = f->limit + 1;
    if (f->kind == FIELD_ID || f->kind == FIELD_PRINT || (f->kind == FIELD_U64 && number == 0))
        return false;
    bytes_t text = f->kind == FIELD_U64 ? bytes_of(NULL, 0) : sample_text(number);
    if (f->kind == FIELD_U64)
        memcpy(to, &number, sizeof number);
    else
        memcpy(to, &text, sizeof text);
    return true;
}

static void a_field_over_its_bound_is_refused_by_both_sides(void **state)
{
    (void)state;
    frame_builder_t *b = frame_builder_new();
    unsigned tried = 0;
    FOR_EACH_MESSAGE(spec)
        for (unsigned i = 0; i < spec->field_count; i++) {
            sample_item_t item;
            sample_fill(spec, &item, SAMPLE_MINIMAL, 0);
            if (!exceed(&spec->fields[i], &item))
                continue;
            frame_begin(b, spec->type);
            assert_int_equal(frame_add(b, &item), -EINVAL);
            assert_int_equal(frame_count(b), 0);
            assert_int_equal(decoded_unchecked(spec, &item, 1), FRAME_LIMIT);
            tried++;
        }
    assert_in_range(tried, 70, 1000); /* the loop found the table */
    frame_builder_destroy(&b);
}

static void a_batch_holds_its_maximum_and_not_one_more(void **state)
{
    (void)state;
    frame_builder_t *b = frame_builder_new();
    FOR_EACH_MESSAGE(spec) {
        sample_item_t item;
        message_t m;
        sample_fill(spec, &item, SAMPLE_BOUNDS, 40);
        size_t most = spec->many ? BATCH_ITEMS_MAX : 1;
        frame_begin(b, spec->type);
        for (size_t i = 0; i < most; i++)
            assert_int_equal(frame_add(b, &item), 0);
        assert_int_equal(frame_add(b, &item), -ENOSPC);
        assert_int_equal(frame_count(b), most);
        assert_int_equal(decoded(frame_finish(b, 0, 1, 1), &m), FRAME_OK);
        assert_int_equal(m.count, most);
        assert_null(
            sample_difference(spec, &item, (const uint8_t *)m.items + (most - 1) * spec->size));
        if (spec->many)
            assert_int_equal(decoded_unchecked(spec, &item, most + 1), FRAME_COUNT);
    }
    frame_builder_destroy(&b);
}

static void a_full_frame_stays_whole_when_an_item_does_not_fit(void **state)
{
    (void)state;
    frame_builder_t *b = frame_builder_new();
    msg_submit_t large = {.body = sample_text(3u << 20)}, small = {.body = sample_text(100)};
    message_t m;
    frame_begin(b, MESSAGE_SUBMIT);
    assert_int_equal(frame_add(b, &large), 0);
    assert_int_equal(frame_add(b, &large), 0);
    assert_int_equal(frame_add(b, &large), -ENOSPC);
    assert_int_equal(frame_add(b, &small), 0);
    bytes_t frame = frame_finish(b, 0, 1, 1);
    assert_true(frame.len <= FRAME_BYTES_MAX);
    assert_int_equal(decoded(frame, &m), FRAME_OK);
    assert_int_equal(m.count, 3);
    assert_int_equal(((const msg_submit_t *)m.items)[2].body.len, 100);
    frame_builder_destroy(&b);
}

static void a_refused_item_leaves_the_frame_as_it_was(void **state)
{
    (void)state;
    frame_builder_t *b = frame_builder_new();
    msg_settle_t good = {.seq = 7}, bad = {.seq = 8, .reason = bytes_str("\xff")};
    message_t m;
    frame_begin(b, MESSAGE_SETTLE);
    assert_int_equal(frame_add(b, &good), 0);
    size_t size = frame_size(b);
    assert_int_equal(frame_add(b, &bad), -EINVAL);
    assert_int_equal(frame_size(b), size);
    assert_int_equal(decoded(frame_finish(b, 0, 1, 1), &m), FRAME_OK);
    assert_int_equal(m.count, 1);
    frame_builder_destroy(&b);
}

static void strings_and_bytes_point_into_the_frame(void **state)
{
    (void)state;
    frame_builder_t *b = frame_builder_new();
    msg_submit_t item = {.source = bytes_str("desk"), .body = bytes_str("{}")};
    message_t m;
    frame_begin(b, MESSAGE_SUBMIT);
    assert_int_equal(frame_add(b, &item), 0);
    bytes_t frame = frame_finish(b, 0, 1, 1);
    assert_int_equal(decoded(frame, &m), FRAME_OK);
    const msg_submit_t *got = m.items;
    assert_ptr_equal(got, room);
    assert_true(got->source.data > frame.data && got->body.data + 2 <= frame.data + frame.len);
    frame_builder_destroy(&b);
}

static void the_table_is_in_order(void **state)
{
    (void)state;
    FOR_EACH_MESSAGE(spec) {
        assert_int_equal(spec->type, type);
        for (unsigned i = 1; i < spec->field_count; i++)
            assert_true(spec->fields[i].key > spec->fields[i - 1].key);
    }
    assert_null(message_spec(0));
    assert_null(message_spec(MESSAGE_TYPE_LIMIT));
    assert_null(message_spec(UINT32_MAX));
    for (unsigned e = FRAME_OK; e < FRAME_ERROR_COUNT; e++)
        assert_true(strlen(frame_error_text(e)) > 10);
    assert_string_equal(frame_error_text(FRAME_ERROR_COUNT), "refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_was_sent),
        cmocka_unit_test(every_single_field_comes_back_at_its_bound),
        cmocka_unit_test(a_field_over_its_bound_is_refused_by_both_sides),
        cmocka_unit_test(a_batch_holds_its_maximum_and_not_one_more),
        cmocka_unit_test(a_full_frame_stays_whole_when_an_item_does_not_fit),
        cmocka_unit_test(a_refused_item_leaves_the_frame_as_it_was),
        cmocka_unit_test(strings_and_bytes_point_into_the_frame),
        cmocka_unit_test(the_table_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
