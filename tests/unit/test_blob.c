/* Blobs: copied once, shared by counting, gone with the last reference (the sanitizer sees a leak
 * or a use after). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/blob.h"

static void a_blob_is_a_copy_of_its_bytes(void **state)
{
    (void)state;
    uint8_t bytes[] = {1, 2, 3};
    blob_t *blob = blob_new(bytes_of(bytes, sizeof bytes));
    bytes[0] = 9;
    assert_true(bytes_equal(blob_bytes(blob), bytes_of((const uint8_t[]){1, 2, 3}, 3)));
    blob_unref(&blob);
    assert_null(blob);
}

static void a_blob_lives_until_its_last_reference_goes(void **state)
{
    (void)state;
    blob_t *a = blob_new(bytes_str("body")), *b = blob_ref(a);
    assert_ptr_equal(a, b);
    blob_unref(&a);
    assert_null(a);
    assert_true(bytes_is(blob_bytes(b), "body"));
    assert_int_equal(atomic_load(&b->refs), 1);
    blob_unref(&b);
}

static void nothing_is_a_blob_too(void **state)
{
    (void)state;
    blob_t *none = blob_ref(NULL), *empty = blob_new(bytes_of(NULL, 0));
    assert_null(none);
    blob_unref(&none);
    assert_int_equal(blob_bytes(NULL).len, 0);
    assert_int_equal(blob_bytes(empty).len, 0);
    blob_unref(&empty);
}

static void *ref_and_unref(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        blob_t *mine = blob_ref(arg);
        blob_unref(&mine);
    }
    return NULL;
}

static void two_threads_may_count_at_once(void **state)
{
    (void)state;
    blob_t *blob = blob_new(bytes_str("shared"));
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, blob), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&blob->refs), 1);
    blob_unref(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_is_a_copy_of_its_bytes),
        cmocka_unit_test(a_blob_lives_until_its_last_reference_goes),
        cmocka_unit_test(nothing_is_a_blob_too),
        cmocka_unit_test(two_threads_may_count_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
