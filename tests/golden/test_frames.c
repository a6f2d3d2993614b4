/* Frames of every message as they were on the day it came, kept for ever: each still decodes to the
 * same values and those still encode to the same bytes. `test_frames --write` makes the files that
 * are missing and touches no other: a golden frame that has been released is never made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/samples.h"

#define FOLDER "tests/golden/frames"
#define GOLDEN_BYTES_MAX (256u << 10)
#define TEXT_MOST 600 /* 16-bit lengths; one larger frame has 32-bit ones */

static _Alignas(16) uint8_t room[FRAME_ITEMS_ROOM];

typedef struct golden {
    char name[64];
    const message_spec_t *spec;
    enum sample kinds[3]; /* one an item */
    size_t count, text_most;
    uint16_t partition;
    uint32_t link;
    uint64_t number;
} golden_t;

typedef struct file { uint8_t bytes[GOLDEN_BYTES_MAX]; size_t len; } file_t;

static size_t list_golden(golden_t *out)
{
    size_t n = 0;
    for (unsigned type = 0; type < MESSAGE_TYPE_LIMIT; type++) {
        const message_spec_t *spec = message_spec(type);
        if (!spec)
            continue;
        out[n] =
            (golden_t){.spec = spec, .kinds = {SAMPLE_MINIMAL}, .count = 1, .link = 1, .number = 1};
        snprintf(out[n++].name, sizeof out->name, "%s.minimal", spec->name);
        out[n] =
            (golden_t){"", spec, {SAMPLE_BOUNDS}, 1, TEXT_MOST, UINT16_MAX, UINT32_MAX, UINT64_MAX};
        snprintf(out[n++].name, sizeof out->name, "%s.bounds", spec->name);
    }
    out[n++] = (golden_t){
        "submit.large", message_spec(MESSAGE_SUBMIT), {SAMPLE_BOUNDS}, 1, 70000, 1, 2, 3};
    out[n++] = (golden_t){"settle.batch", message_spec(MESSAGE_SETTLE),
                          {SAMPLE_MINIMAL, SAMPLE_BOUNDS, SAMPLE_ZERO}, 3, 30, 0, 300, 70000};
    return n;
}

static bytes_t encode(const golden_t *g, frame_builder_t *b)
{
    frame_begin(b, g->spec->type);
    for (size_t i = 0; i < g->count; i++) {
        sample_item_t item;
        sample_fill(g->spec, &item, g->kinds[i], g->text_most);
        must(frame_add(b, &item) == 0);
    }
    return frame_finish(b, g->partition, g->link, g->number);
}

static void path_of(const golden_t *g, char out[128])
{
    snprintf(out, 128, FOLDER "/%.63s.bin", g->name);
}

static bool load(const golden_t *g, file_t *out)
{
    char path[128];
    path_of(g, path);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    out->len = fread(out->bytes, 1, sizeof out->bytes, f);
    fclose(f);
    return out->len > 0;
}

static void for_each(void (*check)(const golden_t *, const file_t *))
{
    static golden_t list[2 * MESSAGE_TYPE_LIMIT + 2];
    static file_t file;
    size_t n = list_golden(list);
    assert_true(n > 40);
    for (size_t i = 0; i < n; i++) {
        if (!load(&list[i], &file))
            fail_msg("%s.bin is missing: run test_frames --write and commit it", list[i].name);
        check(&list[i], &file);
    }
}

static void check_values(const golden_t *g, const file_t *file)
{
    message_t m;
    enum frame_error e = frame_decode(bytes_of(file->bytes, file->len), room, sizeof room, &m);
    if (e != FRAME_OK)
        fail_msg("%s: %s", g->name, frame_error_text(e));
    assert_ptr_equal(m.spec, g->spec);
    assert_int_equal(m.count, g->count);
    assert_int_equal(m.head.version, 1);
    assert_true(m.head.partition == g->partition && m.head.link == g->link &&
                m.head.number == g->number);
    for (size_t i = 0; i < g->count; i++) {
        sample_item_t item;
        sample_fill(g->spec, &item, g->kinds[i], g->text_most);
        const char *different =
            sample_difference(g->spec, &item, (const uint8_t *)m.items + i * g->spec->size);
        if (different)
            fail_msg("%s: item %zu: %s is different", g->name, i, different);
    }
}

static void check_bytes(const golden_t *g, const file_t *file)
{
    frame_builder_t *b = frame_builder_new();
    bytes_t now = encode(g, b);
    if (!bytes_equal(now, bytes_of(file->bytes, file->len)))
        fail_msg("%s: encoding gives other bytes", g->name);
    frame_builder_destroy(&b);
}

static void check_beginnings(const golden_t *g, const file_t *file)
{
    for (size_t len = 0; len < file->len; len++) {
        message_t m;
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, file->bytes, len);
        enum frame_error e = frame_decode(bytes_of(exact, len), room, sizeof room, &m);
        free(exact);
        if (e != FRAME_COUNT && e != FRAME_NOT_MSGPACK)
            fail_msg("%s cut to %zu bytes: %s", g->name, len, frame_error_text(e));
        if (len > 4096)
            len += 97; /* inside the one large frame's texts */
    }
}

static void every_golden_frame_decodes_to_its_values(void **state)
{
    (void)state;
    for_each(check_values);
}

static void every_message_encodes_to_its_golden_bytes(void **state)
{
    (void)state;
    for_each(check_bytes);
}

static void every_beginning_of_a_golden_frame_is_refused(void **state)
{
    (void)state;
    for_each(check_beginnings);
}

static int write_missing(void)
{
    static golden_t list[2 * MESSAGE_TYPE_LIMIT + 2];
    static file_t file;
    frame_builder_t *b = frame_builder_new();
    size_t n = list_golden(list);
    for (size_t i = 0; i < n; i++) {
        char path[128];
        if (load(&list[i], &file))
            continue;
        path_of(&list[i], path);
        bytes_t frame = encode(&list[i], b);
        FILE *f = fopen(path, "wbx");
        must(f && fwrite(frame.data, 1, frame.len, f) == frame.len && fclose(f) == 0);
        printf("%s: %zu bytes\n", path, frame.len);
    }
    frame_builder_destroy(&b);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--write") == 0)
        return write_missing();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_frame_decodes_to_its_values),
        cmocka_unit_test(every_message_encodes_to_its_golden_bytes),
        cmocka_unit_test(every_beginning_of_a_golden_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
