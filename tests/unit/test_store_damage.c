/* Flipped bits and cut files: whatever happens to the database file, what the store gives out as
 * whole is exactly what was put in, and what is not given out is reported. */
#include "store_image.h"

static void a_flipped_bit_is_never_believed_and_never_hides(void **state)
{
    rig_t *rig = *state;
    char why[256];
    size_t refused = 0, whole = 0, kept = 0, opened = 0, flips = flips_wanted(300);
    fill(rig);
    store_close(&rig->store);
    image_t image = image_read(rig);
    for (size_t i = 0; i < flips; i++) {
        size_t at = image_flip(&image, i, flips);
        image_write(rig, image.data, image.size);
        if (!try_open(rig, why)) {
            refused++;
            assert_true(why[0]);
        } else {
            opened++;
            if (!look(rig, &whole) || !look_at_kept(rig, &kept))
                fail_msg(
                    "bit %zu of byte %zu: something wrong was given out, or missing in silence",
                    i % 8, at);
            store_close(&rig->store);
        }
        image_flip(&image, i, flips);
    }
    print_message("%zu flips: %zu refused at opening, else %.1f of %d messages whole, %.1f of %d "
                  "leases and paces\n", flips, refused, (double)whole / (double)opened, MESSAGES,
                  (double)kept / (double)opened, 2 * LEASES);
    assert_true(refused * 20 < flips); /* only the first page and the schema refuse */
    assert_true(whole > opened * (MESSAGES - 4));             /* what is lost is what was hit */
    assert_true(kept > opened * (2 * LEASES - 8));
    free(image.data);
    rig->store = NULL;
}

static void a_cut_file_is_noticed(void **state)
{
    rig_t *rig = *state;
    char why[256];
    size_t whole = 0;
    fill(rig);
    store_close(&rig->store);
    image_t image = image_read(rig);
    for (size_t size = 0; size < image.size; size += image.size / 37) {
        image_write(rig, image.data, size);
        if (size == 0)
            continue; /* an empty file is a new store: nothing tells them apart */
        if (!try_open(rig, why)) {
            assert_true(why[0]);
            continue;
        }
        assert_true(look(rig, &whole));
        store_close(&rig->store);
    }
    free(image.data);
    rig->store = NULL;
}

static void damage_stays_with_its_message(void **state)
{
    rig_t *rig = *state;
    char why[256];
    fill(rig);
    store_close(&rig->store);
    image_t image = image_read(rig);
    uint8_t *body = memmem(image.data, image.size, "body of 57 ", 11);
    assert_non_null(body);
    body[3] ^= 1;
    image_write(rig, image.data, image.size);
    assert_true(try_open(rig, why));
    for (int64_t seq = 50; seq < 60; seq++) {
        const read_result_t *r = ask(rig, (read_request_t){.kind = READ_CONTENT, .seq = seq});
        assert_int_equal(r->error, seq == 57 ? -EBADMSG : 0);
        assert_int_equal(r->messages[0].damaged, seq == 57);
        assert_int_equal(r->damaged, seq == 57);
        assert_true(msgid_equal(&r->messages[0].envelope.id,
                                &(msgid_t){{1, 2, 3, 0, 0, 0, 0, 0, (uint8_t)seq}}));
    }
    free(image.data);
}

/* Each of the lease table's pages in turn: what lies in the others is given out. */
static void a_broken_page_of_leases_costs_what_lay_in_it(void **state)
{
    rig_t *rig = *state;
    char why[256];
    size_t pages = 0, kept = 0;
    fill(rig);
    store_close(&rig->store);
    image_t image = image_read(rig);
    for (size_t page = 1; page < image.size / 4096; page++) {
        uint8_t *header = image.data + page * 4096, was = header[0];
        if (was != 10 || !memmem(header, 4096, "dialler 3", 9))
            continue; /* 10: a leaf of a table that is keyed by name */
        header[0] = 0xff;
        image_write(rig, image.data, image.size);
        assert_true(try_open(rig, why));
        assert_true(look_at_kept(rig, &kept));
        assert_true(rig->opened.damaged >= 1);
        store_close(&rig->store);
        header[0] = was;
        pages++;
    }
    print_message("%zu pages of leases: else %.1f of %d leases and paces\n", pages,
                  (double)kept / (double)pages, 2 * LEASES);
    assert_true(pages >= 4);
    assert_true(kept >= pages * 2 * LEASES - LEASES); /* each lease is missing once */
    free(image.data);
    rig->store = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_never_believed_and_never_hides,
                                        with_sqlite, rig_end),
        cmocka_unit_test_setup_teardown(a_cut_file_is_noticed, with_sqlite, rig_end),
        cmocka_unit_test_setup_teardown(a_broken_page_of_leases_costs_what_lay_in_it, with_sqlite,
                                        rig_end),
        cmocka_unit_test_setup_teardown(damage_stays_with_its_message, with_sqlite, rig_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
