/* What is kept in memory of the bodies of messages that wait. */
#include "limits_rig.h"

static const char SMALL[] = "'queue':{'cache_bytes':2000},", ONE[] = "'one':{'slots':1}";
#define ROUTES ROUTE("a", "", CALL("'limits':['one'],"))

static void who_waits_keeps_no_body_in_memory_over_the_bound(void **s)
{
    (void)s;
    rig_t *r = limits_rig(SMALL, ONE, ROUTES);
    limits_offers(r, (offer_t){1, "a"}, 300);
    hand_fill(r);
    assert_in_range(limits_self(r)->live_bytes_cached, 1, 2000);
    for (unsigned n = 1; n <= 300; n++) { /* they are read when their turn comes */
        hand_fill(r);
        assert_true(in_hand(n));
        hand_ok(r, n);
        assert_in_range(limits_self(r)->live_bytes_cached, 0, 2000);
    }
    rig_destroy(r);
}

static void one_whose_body_cannot_be_read_keeps_nobody_from_the_limit_that_woke_it(void **s)
{
    (void)s;
    rig_t *r = limits_rig("'queue':{'cache_bytes':0},", ONE, ROUTES);
    limits_offers(r, (offer_t){1, "a"}, 30);
    hand_fill(r);
    for (unsigned n = 20; n < 25; n++) {
        msgid_t id = rig_id(n);
        stored_message_t *m = (stored_message_t *)memory_disk_find(r->disk, &id);
        blob_unref(&m->envelope.content);
    }
    for (unsigned n = 1; n <= 30; n++) {
        if (n >= 20 && n < 25) {
            assert_int_equal(rig_state(r, n), STATE_DEAD);
            continue;
        }
        assert_true(in_hand(n));
        hand_ok(r, n);
    }
    assert_int_equal(limits_bucket(r, "one")->woken, 0);
    rig_destroy(r);
}

static void who_waits_for_room_for_its_label_value_keeps_no_body_over_the_bound_either(void **s)
{
    (void)s;
    rig_t *r = limits_rig("'queue':{'cache_bytes':2000,'buckets_max':16},",
                          "'of':{'slots':1,'per':['l']}", ROUTE("a", "", CALL("'limits':['of'],")));
    for (unsigned n = 1; n <= 300; n++) {
        char value[8];
        snprintf(value, sizeof value, "%u", n);
        limits_offer(r, (offer_t){n, "a", value});
    }
    hand_fill(r);
    assert_true(limits_self(r)->crowd.count > 200);
    assert_in_range(limits_self(r)->live_bytes_cached, 1, 2000);
    for (unsigned n = 1; n <= 300; n++) {
        hand_fill(r);
        assert_true(in_hand(n));
        hand_ok(r, n);
    }
    rig_destroy(r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(who_waits_keeps_no_body_in_memory_over_the_bound),
    cmocka_unit_test(who_waits_for_room_for_its_label_value_keeps_no_body_over_the_bound_either),
    cmocka_unit_test(one_whose_body_cannot_be_read_keeps_nobody_from_the_limit_that_woke_it),
};
LIMITS_MAIN(tests)
