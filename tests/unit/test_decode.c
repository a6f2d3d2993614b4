/* Frames written by hand, byte by byte: what is read of them, why each bad one is refused, and that
 * no refusal costs an allocation. Independent of the encoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/samples.h"

/* Counts allocations: through the sanitizer's hooks, or by standing before glibc's own. */
/* volatile: a compiler thinks that malloc changes nothing of ours. */
static volatile unsigned long allocations;
#ifdef __SANITIZE_ADDRESS__
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
                                              void (*)(const volatile void *));
static void on_malloc(const volatile void *p, size_t n)
{
    (void)p, (void)n;
    allocations++;
}
static void on_free(const volatile void *p) { (void)p; }
static void count_allocations(void)
{
    assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
}
#else
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n) { return allocations++, __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return allocations++, __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return allocations++, __libc_realloc(p, n); }
static void count_allocations(void) { }
#endif

static _Alignas(16) uint8_t room[FRAME_ITEMS_ROOM];

static void allocations_are_seen_by_these_tests(void **state)
{
    (void)state;
    unsigned long before = allocations;
    void *volatile p = malloc(1);
    free(p);
    assert_int_equal(allocations, before + 1);
}

/* Decodes; the input is copied to a block of exactly its size so that a sanitizer sees any read
 * beyond it. */
static enum frame_error decode_exactly(const uint8_t *data, size_t len, message_t *out)
{
    uint8_t *exact = malloc(len ? len : 1);
    must(exact);
    memcpy(exact, data, len);
    unsigned long before = allocations;
    enum frame_error e = frame_decode(bytes_of(exact, len), room, sizeof room, out);
    assert_int_equal(allocations, before);
    free(exact);
    return e;
}

static enum frame_error decode_hex(const char *hex, message_t *out)
{
    size_t len;
    uint8_t *bytes = sample_hex(hex, &len);
    enum frame_error e = decode_exactly(bytes, len, out);
    free(bytes);
    return e;
}

#define MAGIC "ce57454952"
#define BEAT "97" MAGIC "01 04 00 01 05"      /* version 1, partition 0, link 1, number 5 */
#define SETTLED "97" MAGIC "01 0e 00 01 05"
#define HELLO "97" MAGIC "01 01 00 01 05"
#define READY "97" MAGIC "01 28 00 01 05"
#define SUBMIT "97" MAGIC "01 0a 00 01 05"
#define SIXTEEN "000102030405060708090a0b0c0d0e0f"
#define SUBMIT_REST "02a173 03a172 04c410" SIXTEEN "05 00 09 00"

static const struct {
    const char *what, *frame;
    enum frame_error why;
} frames[] = {
    {"a beat", BEAT "81 01 07", FRAME_OK},
    {"ready without its optional field", READY "80", FRAME_OK},
    {"nothing", "", FRAME_NOT_MSGPACK},
    {"the byte that msgpack never uses", "c1", FRAME_NOT_MSGPACK},
    {"the byte that msgpack never uses, deep inside", BEAT "82 01 07 02 91 c1", FRAME_NOT_MSGPACK},
    {"a number cut off", "97 ce5745", FRAME_COUNT},
    {"a number cut off at the end", BEAT "81 01 cf00", FRAME_NOT_MSGPACK},
    {"not an array", "01", FRAME_MAGIC},
    {"an empty array", "90", FRAME_MAGIC},
    {"another magic", "97 ce57454953 01 04 00 01 05 81 01 07", FRAME_MAGIC},
    {"a magic that is text", "97 a457454952 01 04 00 01 05 81 01 07", FRAME_MAGIC},
    {"version 2", "97" MAGIC "02 04 00 01 05 81 01 07", FRAME_VERSION},
    {"version 2 in another shape", "93" MAGIC "02 c0", FRAME_VERSION},
    {"version 0", "97" MAGIC "00 04 00 01 05 81 01 07", FRAME_VERSION},
    {"version 2^32 + 1", "97" MAGIC "cf0000000100000001 04 00 01 05 81 01 07", FRAME_VERSION},
    {"type 0", "97" MAGIC "01 00 00 01 05 81 01 07", FRAME_TYPE},
    {"type 63", "97" MAGIC "01 3f 00 01 05 81 01 07", FRAME_TYPE},
    {"type 64", "97" MAGIC "01 40 00 01 05 81 01 07", FRAME_TYPE},
    {"type 2^32 + 4", "97" MAGIC "01 cf0000000100000004 00 01 05 81 01 07", FRAME_TYPE},
    {"partition 65536", "97" MAGIC "01 04 ce00010000 01 05 81 01 07", FRAME_LIMIT},
    {"link 2^32", "97" MAGIC "01 04 00 cf0000000100000000 05 81 01 07", FRAME_LIMIT},
    {"a head of text", "97" MAGIC "01 04 a0 01 05 81 01 07", FRAME_SHAPE},
    {"no payload", "96" MAGIC "01 04 00 01 05", FRAME_SHAPE},
    {"two payloads", "98" MAGIC "01 04 00 01 05 81 01 07 80", FRAME_SHAPE},
    {"a payload that is a number", BEAT "07", FRAME_SHAPE},
    {"a list where one map belongs", BEAT "91 81 01 07", FRAME_SHAPE},
    {"one map where a list belongs", SETTLED "83 01 01 02 01 03 01", FRAME_SHAPE},
    {"a list of numbers", SETTLED "91 01", FRAME_SHAPE},
    {"an empty list", SETTLED "90", FRAME_COUNT},
    {"a byte after the end", BEAT "81 01 07 00", FRAME_TRAILING},
    {"a second frame after the end", BEAT "81 01 07" BEAT "81 01 07", FRAME_TRAILING},
    {"no fields", BEAT "80", FRAME_MISSING},
    {"one of three required fields missing", SETTLED "91 82 01 01 03 01", FRAME_MISSING},
    {"missing in the second item", SETTLED "92 83 01 01 02 01 03 01 82 01 01 02 01", FRAME_MISSING},
    {"a field twice", BEAT "82 01 07 01 07", FRAME_REPEATED},
    {"a field twice, once in a wide form", BEAT "82 01 07 cd0001 07", FRAME_REPEATED},
    {"an unknown field twice", BEAT "83 01 07 7f 00 7f 00", FRAME_REPEATED},
    {"fields in another order", SETTLED "91 83 03 01 01 02 02 03", FRAME_OK},
    {"an unknown field is passed over", BEAT "82 7f 93 c0 81 a161 c3 ca00000000 01 07", FRAME_OK},
    {"unknown fields of every kind",
     BEAT "8d 02 c403000000 03 c50001 00 04 c6 00000001 00 05 c7 01 09 00 06 c8 "
          "0001 09 00 07 c9 00000001 09 00 08 d409 00 09 d5090000 0a d60900000000 0b "
          "cb0000000000000000 0c e0 0d "
          "dc0001c2 01 07",
     FRAME_OK},
    {"the last of such cut off", BEAT "82 01 07 02 d8 0900000000000000000000000000000000",
     FRAME_OK},
    {"a key over 127", BEAT "82 01 07 cc80 00", FRAME_KIND},
    {"a key that is text", BEAT "82 01 07 a161 00", FRAME_KIND},
    {"a key that is negative", BEAT "82 01 07 ff 00", FRAME_KIND},
    {"a number in 8 bits", BEAT "81 01 cc07", FRAME_OK},
    {"a number in 16 bits", BEAT "81 01 cd0007", FRAME_OK},
    {"a number in 32 bits", BEAT "81 01 ce00000007", FRAME_OK},
    {"a number in 64 bits", BEAT "81 01 cf0000000000000007", FRAME_OK},
    {"a signed number in 8 bits", BEAT "81 01 d007", FRAME_OK},
    {"a signed number in 16 bits", BEAT "81 01 d10007", FRAME_OK},
    {"a signed number in 32 bits", BEAT "81 01 d200000007", FRAME_OK},
    {"a signed number in 64 bits", BEAT "81 01 d30000000000000007", FRAME_OK},
    {"a negative number", BEAT "81 01 ff", FRAME_KIND},
    {"a negative number in 8 bits", BEAT "81 01 d0ff", FRAME_KIND},
    {"a negative number in 64 bits", BEAT "81 01 d3ffffffffffffffff", FRAME_KIND},
    {"a float for a number", BEAT "81 01 ca40e00000", FRAME_KIND},
    {"nil for a number", BEAT "81 01 c0", FRAME_KIND},
    {"true for a number", BEAT "81 01 c3", FRAME_KIND},
    {"text for a number", BEAT "81 01 a137", FRAME_KIND},
    {"a map for a number", BEAT "81 01 80", FRAME_KIND},
    {"a list for a text", READY "81 01 90", FRAME_KIND},
    {"bytes for a text", READY "81 01 c40161", FRAME_KIND},
    {"a text in the 8-bit form", READY "81 01 d90161", FRAME_OK},
    {"a text in the 32-bit form", READY "81 01 db0000000161", FRAME_OK},
    {"a text that is cut", READY "81 01 a2c3", FRAME_COUNT},
    {"a text with a byte alone", READY "81 01 a1c3", FRAME_TEXT},
    {"a text with a surrogate", READY "81 01 a3eda080", FRAME_TEXT},
    {"a text with U+0000", READY "81 01 a100", FRAME_TEXT},
    {"a submission", SUBMIT "91 86 01c410" SIXTEEN SUBMIT_REST, FRAME_OK},
    {"an id of 15 bytes", SUBMIT "91 86 01c40f000102030405060708090a0b0c0d0e" SUBMIT_REST,
     FRAME_LIMIT},
    {"an id of 17 bytes", SUBMIT "91 86 01c411" SIXTEEN "10" SUBMIT_REST, FRAME_LIMIT},
    {"an id as text", SUBMIT "91 86 01b0" SIXTEEN SUBMIT_REST, FRAME_KIND},
    {"a body as text", SUBMIT "91 87 01c410" SIXTEEN SUBMIT_REST "0d a17b", FRAME_KIND},
    {"a class over 3", SUBMIT "91 87 01c410" SIXTEEN SUBMIT_REST "08 04", FRAME_LIMIT},
    {"five bytes that declare 4 GiB of values", "ddffffffff", FRAME_COUNT},
    {"five bytes that declare 4 GiB of pairs", "dfffffffff", FRAME_COUNT},
    {"five bytes that declare 4 GiB of text", "dbffffffff", FRAME_COUNT},
    {"five bytes that declare 4 GiB of bytes", "c6ffffffff", FRAME_COUNT},
    {"six bytes that declare 4 GiB of extension", "c9ffffffff01", FRAME_COUNT},
    {"a bomb as payload", BEAT "ddffffffff", FRAME_COUNT},
    {"a bomb as an unknown field", BEAT "82 01 07 02 dfffffffff", FRAME_COUNT},
    {"a bomb as a list of items", SETTLED "dd10000000", FRAME_COUNT},
    {"promises that only together are too many", "93 93 93 01 01 01", FRAME_COUNT},
};

static void each_frame_is_taken_or_refused_for_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        message_t m = {.count = 4711};
        enum frame_error e = decode_hex(frames[i].frame, &m);
        if (e != frames[i].why)
            fail_msg("%s: %s; not: %s", frames[i].what, frame_error_text(e),
                     frame_error_text(frames[i].why));
        if (e != FRAME_OK && m.count != 4711)
            fail_msg("%s: refused, but the result was touched", frames[i].what);
    }
}

static void every_width_of_a_number_means_the_same(void **state)
{
    (void)state;
    static const char *const sevens[] = {
        "07",   "cc07",   "cd0007",     "ce00000007",        "cf0000000000000007",
        "d007", "d10007", "d200000007", "d30000000000000007"};
    for (size_t i = 0; i < COUNT_OF(sevens); i++) {
        char hex[100];
        message_t m;
        snprintf(hex, sizeof hex, BEAT "81 01 %s", sevens[i]);
        assert_int_equal(decode_hex(hex, &m), FRAME_OK);
        assert_int_equal(((const msg_beat_t *)m.items)->at_us, 7);
    }
}

static void a_hand_written_frame_says_what_its_bytes_say(void **state)
{
    (void)state;
    message_t m;
    assert_int_equal(decode_hex("97" MAGIC "01 0e cd0203 ce04050607 cf08090a0b0c0d0e0f 92"
                                "83 01 01 02 02 03 03  83 03 cdffff 02 05 01 cf7fffffffffffffff",
                                &m),
                     FRAME_OK);
    const msg_settled_t *items = m.items;
    assert_int_equal(m.head.partition, 0x0203);
    assert_int_equal(m.head.link, 0x04050607);
    assert_true(m.head.number == 0x08090a0b0c0d0e0f);
    assert_int_equal(m.count, 2);
    assert_true(items[0].seq == 1 && items[0].attempt == 2 && items[0].fence == 3);
    assert_true(items[1].seq == INT64_MAX && items[1].attempt == 5 && items[1].fence == 0xffff);
}

/* `depth` lists in each other as an unknown field's value; the frame, its payload are two more. */
static enum frame_error decode_nested(unsigned depth, bool empty)
{
    size_t len;
    uint8_t *bytes = sample_hex(BEAT "82 01 07 02", &len), frame[400];
    memcpy(frame, bytes, len);
    free(bytes);
    for (unsigned i = 0; i < depth; i++)
        frame[len++] = 0x91;
    if (empty)
        frame[len - 1] = 0x90;
    else
        frame[len++] = 0;
    message_t m;
    return decode_exactly(frame, len, &m);
}

static void sixteen_nested_values_are_taken_and_seventeen_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_nested(FRAME_NESTING_MAX - 2, false), FRAME_OK);
    assert_int_equal(decode_nested(FRAME_NESTING_MAX - 2, true), FRAME_OK);
    assert_int_equal(decode_nested(FRAME_NESTING_MAX - 1, false), FRAME_NESTING);
    assert_int_equal(decode_nested(FRAME_NESTING_MAX - 1, true), FRAME_NESTING);
    assert_int_equal(decode_nested(150, false), FRAME_NESTING);
}

/* msgpack-c 4.0.0 reserves 60 GiB for these 150 bytes. */
static void thirty_bombs_in_each_other_are_refused(void **state)
{
    (void)state;
    uint8_t frame[150];
    message_t m;
    for (size_t i = 0; i < sizeof frame; i += 5)
        memcpy(frame + i, (const uint8_t[]){0xdd, 0x07, 0xff, 0xff, 0xff}, 5);
    assert_int_equal(decode_exactly(frame, sizeof frame, &m), FRAME_COUNT);
}

static void a_frame_over_the_maximum_is_not_looked_at(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_BYTES_MAX + 1];
    message_t m;
    assert_int_equal(frame_decode(bytes_of(frame, sizeof frame), room, sizeof room, &m),
                     FRAME_TOO_LARGE);
    assert_int_equal(frame_decode(bytes_of(frame, sizeof frame - 1), room, sizeof room, &m),
                     FRAME_TRAILING);
}

static void items_stay_within_the_room_given(void **state)
{
    (void)state;
    size_t len;
    uint8_t *bytes = sample_hex(SETTLED "92 83 01 01 02 01 03 01 83 01 01 02 01 03 01", &len);
    message_t m;
    bytes_t frame = bytes_of(bytes, len);
    memset(room, 0xaa, sizeof room);
    assert_int_equal(frame_decode(frame, room, 2 * sizeof(msg_settled_t) - 1, &m), FRAME_ROOM);
    assert_int_equal(room[0], 0xaa);
    assert_int_equal(frame_decode(frame, room, 2 * sizeof(msg_settled_t), &m), FRAME_OK);
    assert_int_equal(room[2 * sizeof(msg_settled_t)], 0xaa);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_seen_by_these_tests),
        cmocka_unit_test(each_frame_is_taken_or_refused_for_its_reason),
        cmocka_unit_test(every_width_of_a_number_means_the_same),
        cmocka_unit_test(a_hand_written_frame_says_what_its_bytes_say),
        cmocka_unit_test(sixteen_nested_values_are_taken_and_seventeen_refused),
        cmocka_unit_test(thirty_bombs_in_each_other_are_refused),
        cmocka_unit_test(a_frame_over_the_maximum_is_not_looked_at),
        cmocka_unit_test(items_stay_within_the_room_given),
    };
    count_allocations();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
