/* What is text by RFC 3629, and where a text may be cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/utf8.h"

static const struct {
    const char *what, *bytes;
    size_t len, prefix;
} rows[] = {
    {"nothing", "", 0, 0},
    {"plain text longer than eight", "hello, world", 12, 12},
    {"two, three and four bytes",
     "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 18, 18},
    {"around the surrogates", "\xed\x9f\xbf\xee\x80\x80", 6, 6},
    {"U+0000", "a\0b", 3, 1},
    {"U+0000 among eight", "abcd\0fgh", 8, 4},
    {"0x80 among eight", "abcdef\x80h", 8, 6},
    {"0x80 after a zero borrow", "\x01\x01\x01\x01\x01\x01\x01\x80", 8, 7},
    {"a continuation alone", "\x80", 1, 0},
    {"overlong in two", "\xc0\xaf", 2, 0},
    {"overlong in two, C1", "\xc1\xbf", 2, 0},
    {"overlong in three", "\xe0\x9f\xbf", 3, 0},
    {"overlong in four", "\xf0\x8f\xbf\xbf", 4, 0},
    {"the first surrogate", "x\xed\xa0\x80", 4, 1},
    {"the last surrogate", "x\xed\xbf\xbf", 4, 1},
    {"above U+10FFFF", "\xf4\x90\x80\x80", 4, 0},
    {"lead bytes that never come", "\xf5\x80\x80\x80", 4, 0},
    {"0xff", "\xff", 1, 0},
    {"cut in two", "ab\xc3", 3, 2},
    {"cut in three", "ab\xe2\x82", 4, 2},
    {"cut in four", "ab\xf0\x9f\x98", 5, 2},
    {"wrong third byte", "\xe2\x82\x28", 3, 0},
    {"wrong fourth byte", "\xf0\x9f\x98\x28", 4, 0},
};

static void text_is_taken_up_to_its_first_wrong_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bytes_t text = bytes_of(rows[i].bytes, rows[i].len);
        if (utf8_prefix(text, SIZE_MAX) != rows[i].prefix ||
            utf8_valid(text) != (rows[i].prefix == rows[i].len))
            fail_msg("%s: %zu", rows[i].what, utf8_prefix(text, SIZE_MAX));
    }
}

static void a_cut_never_splits_a_character(void **state)
{
    (void)state;
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    bytes_t text = bytes_str("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    for (size_t most = 0; most < COUNT_OF(expected); most++)
        assert_int_equal(utf8_prefix(text, most), expected[most]);
}

/* Against a decoder of another kind: every code point in its shortest form, and only those. */
static void every_sequence_of_two_or_three_bytes_is_judged_right(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 1u << 24; v += v >> 16 >= 0xe0 && v >> 16 < 0xf0 ? 1 : 61) {
        const uint8_t b[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        uint32_t point = (b[0] & 15u) << 12 | (b[1] & 63u) << 6 | (b[2] & 63u);
        bool three = b[0] >> 4 == 14 && b[1] >> 6 == 2 && b[2] >> 6 == 2 && point >= 0x800 &&
                     point >> 11 != 27;
        if (b[0] >> 4 == 14 && utf8_valid(bytes_of(b, 3)) != three)
            fail_msg("%06x", v);
        uint32_t pair = (b[0] & 31u) << 6 | (b[1] & 63u);
        bool two = (b[0] >> 5 == 6 && b[1] >> 6 == 2 && pair >= 0x80) ||
                   (b[0] && b[1] && b[0] < 0x80 && b[1] < 0x80);
        if (utf8_valid(bytes_of(b, 2)) != two)
            fail_msg("%02x%02x", b[0], b[1]);
    }
}

static void no_control_character_is_shown(void **state)
{
    static const struct {
        const char *what, *bytes, *shown;
        size_t len;
    } texts[] = {
        {"nothing", "", "", 0},
        {"text", "a\xc3\xa9 \xe2\x82\xac\xf0\x9f\x98\x80~",
         "a\xc3\xa9 \xe2\x82\xac\xf0\x9f\x98\x80~", 12},
        {"an order to the terminal, and a line", "k\033[2J\nforged\t\r", "k?[2J?forged??", 14},
        {"U+0000, DEL", "a\0b\x7f", "a?b?", 4},
        {"C1, and what is next to it", "\xc2\x80\xc2\x9b\x33\x31m\xc2\x9f\xc2\xa0",
         "????31m??\xc2\xa0", 11},
        {"C1 in one byte", "\x9b\x33", "?3", 2},
        {"cut in two", "ab\xc2", "ab?", 3},
        {"overlong ESC", "\xc0\x9b", "??", 2},
    };
    char out[16];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        utf8_shown(bytes_of(texts[i].bytes, texts[i].len), out);
        if (memcmp(out, texts[i].shown, texts[i].len) != 0)
            fail_msg("%s: %.*s", texts[i].what, (int)texts[i].len, out);
    }
    memcpy(out, "in\033place", 9);
    utf8_shown(bytes_of(out, 8), out);
    assert_string_equal(out, "in?place");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_control_character_is_shown),
        cmocka_unit_test(text_is_taken_up_to_its_first_wrong_byte),
        cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(every_sequence_of_two_or_three_bytes_is_judged_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
