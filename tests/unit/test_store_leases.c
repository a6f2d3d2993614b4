/* What every store must keep of leases and paces: one suite, run against the memory store and
 * against SQLite. */
#include "store_rig.h"

typedef struct told { char text[2000]; } told_t;

static void tell_lease(void *arg, const stored_lease_t *l)
{
    told_t *told = arg;
    size_t used = strlen(told->text);
    change_t same = lease_of("", l->fence);
    bool whole = l->flags == same.lease.flags && l->made.us == same.lease.made.us
                 && l->expires_us == same.lease.expires_us && l->ttl_ms == same.lease.ttl_ms
                 && l->generation == same.lease.generation
                 && bytes_equal(l->holder, same.lease.holder)
                 && bytes_equal(l->slots, same.lease.slots);
    snprintf(told->text + used, sizeof told->text - used, "%.*s=%llu%s;", (int)l->id.len,
             (const char *)l->id.data, (unsigned long long)l->fence, whole ? "" : " is wrong");
}

static void tell_pace(void *arg, const stored_pace_t *p)
{
    told_t *told = arg;
    size_t used = strlen(told->text);
    snprintf(told->text + used, sizeof told->text - used, "%.*s=%.*s;", (int)p->name.len,
             (const char *)p->name.data, (int)p->data.len, (const char *)p->data.data);
}

/* What a new life is told. */
static void assert_kept(rig_t *rig, const char *leases, const char *paces)
{
    told_t told = {""};
    rig_reopen(rig);
    store_leases(rig->store, tell_lease, &told);
    assert_string_equal(told.text, leases);
    told = (told_t){""};
    store_paces(rig->store, tell_pace, &told);
    assert_string_equal(told.text, paces);
    assert_int_equal(rig->opened.damaged, 0);
}

static void leases_are_kept_replaced_and_dropped(void **state)
{
    rig_t *rig = *state;
    assert_kept(rig, "", "");
    store_batch_t *batch = store_batch_new();
    add(batch, lease_of("call-2", 1));
    add(batch, lease_of("call-1", UINT64_MAX));
    add(batch, lease_of("call-10", 3));
    add(batch, lease_of("gone", 4));
    commit(rig, batch);
    batch = store_batch_new();
    add(batch, lease_of("call-2", 5));
    add_lease_drop(batch, "gone");
    add_lease_drop(batch, "never was");
    commit(rig, batch);
    for (int i = 0; i < 2; i++)
        assert_kept(rig, "call-1=18446744073709551615;call-10=3;call-2=5;", "");
}

static void paces_are_kept_replaced_and_dropped(void **state)
{
    rig_t *rig = *state;
    store_batch_t *batch = store_batch_new();
    add(batch, pace_of("crm\x1fnorth", "a"));
    add(batch, pace_of("crm\x1f", "b"));
    add(batch, pace_of("crm", ""));
    add(batch, pace_of("gone", "c"));
    commit(rig, batch);
    batch = store_batch_new();
    add(batch, pace_of("crm\x1fnorth", "d"));
    add_pace_drop(batch, "gone");
    add_pace_drop(batch, "never was");
    commit(rig, batch);
    for (int i = 0; i < 2; i++)
        assert_kept(rig, "", "crm=;crm\x1f=b;crm\x1fnorth=d;");
}

static void the_last_word_of_a_batch_on_a_lease_or_a_pace_counts(void **state)
{
    rig_t *rig = *state;
    store_batch_t *batch = store_batch_new();
    add(batch, lease_of("stays dropped", 1));
    add(batch, pace_of("stays dropped", "p"));
    commit(rig, batch);
    batch = store_batch_new();
    add(batch, lease_of("comes and goes", 1));
    add_lease_drop(batch, "comes and goes");
    add_lease_drop(batch, "goes and comes");
    add(batch, lease_of("goes and comes", 2));
    add(batch, lease_of("stays dropped", 3));
    add_lease_drop(batch, "stays dropped");
    add(batch, pace_of("goes and comes", "x"));
    add_pace_drop(batch, "goes and comes");
    add(batch, pace_of("goes and comes", "y"));
    add(batch, pace_of("stays dropped", "z"));
    add_pace_drop(batch, "stays dropped");
    commit(rig, batch);
    assert_kept(rig, "goes and comes=2;", "goes and comes=y;");
}

static void a_lease_and_a_pace_of_one_name_are_two_rows(void **state)
{
    rig_t *rig = *state;
    store_batch_t *batch = store_batch_new();
    add(batch, lease_of("crm", 1));
    add(batch, pace_of("crm", "p"));
    commit(rig, batch);
    assert_kept(rig, "crm=1;", "crm=p;");
    batch = store_batch_new();
    add_lease_drop(batch, "crm");
    commit(rig, batch);
    assert_kept(rig, "", "crm=p;");
}

static void leases_of_batches_in_flight_at_the_close_are_kept(void **state)
{
    static const char *const ids[] = {"a", "b", "a", "c"};
    rig_t *rig = *state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        store_batch_t *batch = store_batch_new();
        add(batch, lease_of(ids[i], i + 1));
        if (i == 3)
            add_lease_drop(batch, "b");
        store_submit(rig->store, batch);
    }
    assert_kept(rig, "a=3;c=4;", "");
}

static void see_the_largest(void *arg, const stored_lease_t *l)
{
    assert_int_equal(l->id.len, LEASE_ID_BYTES_MAX);
    assert_int_equal(l->id.data[0], 0);
    assert_int_equal(l->id.data[LEASE_ID_BYTES_MAX - 1], 0xff);
    assert_int_equal(l->holder.len, LEASE_HOLDER_BYTES_MAX);
    assert_int_equal(l->slots.len, SLOTS_BYTES_MAX);
    ++*(int *)arg;
}

static void see_the_largest_pace(void *arg, const stored_pace_t *p)
{
    assert_int_equal(p->name.len, PACE_NAME_BYTES_MAX);
    assert_int_equal(p->data.len, PACE_DATA_BYTES_MAX);
    assert_int_equal(p->data.data[PACE_DATA_BYTES_MAX - 1], 0xff);
    ++*(int *)arg;
}

static void the_largest_lease_pace_and_slots_come_back(void **state)
{
    rig_t *rig = *state;
    static uint8_t any[PACE_DATA_BYTES_MAX];
    int leases = 0, paces = 0;
    for (size_t i = 0; i < sizeof any; i++)
        any[i] = (uint8_t)(i * 0xff / (LEASE_ID_BYTES_MAX - 1));
    any[sizeof any - 1] = 0xff;
    store_batch_t *batch = store_batch_new();
    change_t lease = lease_of("", 1), progress = progress_of(1, STATE_ASSIGNED);
    lease.lease.id = bytes_of(any, LEASE_ID_BYTES_MAX);
    lease.lease.holder = bytes_of(any, LEASE_HOLDER_BYTES_MAX);
    lease.lease.slots = progress.progress.slots = bytes_of(any, SLOTS_BYTES_MAX);
    add(batch, lease);
    add(batch, (change_t){.kind = CHANGE_PACE,
                          .pace = {bytes_of(any, PACE_NAME_BYTES_MAX), bytes_of(any, sizeof any)}});
    add(batch, enqueue_of(1, "r", "{}body"));
    add(batch, progress);
    commit(rig, batch);
    rig_reopen(rig);
    store_leases(rig->store, see_the_largest, &leases);
    store_paces(rig->store, see_the_largest_pace, &paces);
    assert_int_equal(leases, 1);
    assert_int_equal(paces, 1);
    const read_result_t *r = ask(rig, (read_request_t){.kind = READ_LIVE, .most = 1});
    assert_false(r->messages[0].damaged);
    assert_true(bytes_equal(r->messages[0].progress.slots, bytes_of(any, SLOTS_BYTES_MAX)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(leases_are_kept_replaced_and_dropped),
        BOTH(paces_are_kept_replaced_and_dropped),
        BOTH(the_last_word_of_a_batch_on_a_lease_or_a_pace_counts),
        BOTH(a_lease_and_a_pace_of_one_name_are_two_rows),
        BOTH(leases_of_batches_in_flight_at_the_close_are_kept),
        BOTH(the_largest_lease_pace_and_slots_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
