/* A text put together in a room: what it says, and what a room too small does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>

#include "core/text.h"

static void pieces_follow_each_other(void **state)
{
    char room[64];
    text_t t = text_in(room, sizeof room);
    (void)state;
    text_put_str(&t, "a ");
    text_put_number(&t, 0);
    text_put(&t, bytes_of(" b", 2));
    text_put(&t, bytes_of(NULL, 0));
    text_put_number(&t, UINT64_MAX);
    assert_true(bytes_is(text_so_far(&t), "a 0 b18446744073709551615"));
    assert_true(text_close(&t));
    assert_string_equal(room, "a 0 b18446744073709551615");
    text_put_str(&t, "!"); /* goes on where the text ended */
    assert_true(bytes_is(text_so_far(&t), "a 0 b18446744073709551615!"));
}

static void what_does_not_fit_is_left_out_with_all_that_follows(void **state)
{
    char room[5] = "....";
    text_t t = text_in(room, 4);
    (void)state;
    text_put_str(&t, "abc");
    text_put_str(&t, "de");
    text_put_str(&t, "f");
    assert_true(t.cut);
    assert_true(bytes_is(text_so_far(&t), "abc"));
    assert_false(text_close(&t));
    assert_string_equal(room, "");
    t = text_in(room, 4);
    text_put_str(&t, "abcd");
    assert_false(t.cut);
    assert_false(text_close(&t)); /* no place for the NUL */
    assert_int_equal(room[4], '\0');
    t = text_in(room, 0);
    text_put_quoted(&t, bytes_str(""));
    assert_false(text_close(&t));
}

static void a_quoted_text_is_read_back_as_it_was(void **state)
{
    static const char *const texts[] = {"",
                                        "plain",
                                        "\"\\/",
                                        "\x01\x1f\n\t\r",
                                        "\x7f",
                                        "Gr\xc3\xbc\xc3\x9f"
                                        "e"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char room[64];
        text_t t = text_in(room, sizeof room);
        text_put_quoted(&t, bytes_str(texts[i]));
        size_t length = text_so_far(&t).len;
        assert_true(text_close(&t));
        json_t *json = json_loads(room, JSON_DECODE_ANY, NULL);
        assert_non_null(json);
        assert_string_equal(json_string_value(json), texts[i]);
        json_decref(json);
        t = text_in(room, length); /* exactly as much room as it takes */
        text_put_quoted(&t, bytes_str(texts[i]));
        assert_false(t.cut);
        t = text_in(room, length - 1);
        text_put_quoted(&t, bytes_str(texts[i]));
        assert_true(t.cut && text_so_far(&t).len == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_follow_each_other),
        cmocka_unit_test(what_does_not_fit_is_left_out_with_all_that_follows),
        cmocka_unit_test(a_quoted_text_is_read_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
