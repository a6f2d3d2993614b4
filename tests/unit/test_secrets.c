/* The secrets of one actor, from a descriptor as the supervisor gives it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/secrets.h"

static int descriptor_with(const char *text, size_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    return fd; /* at its end, as after another reader */
}

static void every_secret_is_found_by_name(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":\"aGVsbG8=\",\"empty\":\"\",\"b\":\"AAEC/w==\",\"c\":\"YWJj\"}";
    int fd = descriptor_with(text, sizeof text - 1);
    secrets_t *s = NULL;
    assert_int_equal(secrets_read(fd, &s), 0);
    assert_true(bytes_is(secrets_find(s, "a"), "hello"));
    assert_true(bytes_is(secrets_find(s, "c"), "abc"));
    assert_true(bytes_equal(secrets_find(s, "b"), bytes_of("\x00\x01\x02\xff", 4)));
    assert_int_equal(secrets_find(s, "empty").len, 0);
    assert_int_equal(secrets_find(s, "missing").len, 0);
    assert_int_equal(secrets_find(s, NULL).len, 0);
    assert_int_equal(secrets_find(NULL, "a").len, 0);
    secrets_destroy(&s);
    assert_null(s);
    close(fd);
}

static void anything_else_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",    "[]", "1", "{\"a\":1}", "{\"a\":\"???\"}", "{\"a\":\"abc\"}", "{\"a\":\"YQ==\"",
        "null"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        secrets_t *s = NULL;
        int fd = descriptor_with(texts[i], strlen(texts[i]));
        assert_int_equal(secrets_read(fd, &s), -EBADMSG);
        assert_null(s);
        close(fd);
    }
    secrets_t *s = NULL;
    assert_int_equal(secrets_read(-1, &s), -EBADF);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    secrets_t *s = NULL;
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, SECRETS_BYTES_MAX + 1), 0);
    assert_int_equal(secrets_read(fd, &s), -EMSGSIZE);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_secret_is_found_by_name),
        cmocka_unit_test(anything_else_is_an_error),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
