/* Leases in the limiter: held, renewed, released, reclaimed, over restarts, before their time. */
#include "limits_rig.h"

static const char CALLS[] = "[{\"name\":\"calls\"}]";
static const char LIMITS[] =
    "'calls':{'slots':2,'ttl_s':60},'day':{'cap':{'count':1,'each':'day'}},"
    "'pace':{'rate':{'count':1,'per_ms':60000}}";
#define BEGIN "{'name':'t','limits':['calls'],'acquire':{'id':'c-${/labels/l}'}}"
#define END                                                                                        \
    "'end':{'path':'/end','source':'s','labels':{'l':'/message/l'},'steps':[{'name':'g',"          \
    "'release':{'id':'c-${/labels/l}'}}]}"
#define OUT                                                                                        \
    "{'name':'go','limits':['calls'],'call':{'downstream':'d','path':'/x'},"                       \
    "'lease':{'id':'c-${/labels/l}','ttl_s':30}}"
static const char ROUTES[] = ROUTE("begin", "", BEGIN) "," END "," ROUTE("out", "", OUT);

static rig_t *up_with(const char *limits) { return limits_rig("", limits, ROUTES); }

static const msg_leased_t *ask(rig_t *r, msg_lease_t m, const char *id)
{
    static uint64_t number;
    m.number = ++number;
    m.id = bytes_str(id);
    rig_say(r, CONN_INGRESS, MESSAGE_LEASE, &m);
    const msg_leased_t *said = rig_next(r, CONN_INGRESS, MESSAGE_LEASED);
    assert_non_null(said);
    assert_int_equal(said->number, number);
    return said;
}
static const msg_leased_t *acquire(rig_t *r, const char *id, const char *limits)
{
    return ask(r, (msg_lease_t){.order = LEASE_ACQUIRE, .limits = bytes_str(limits)}, id);
}
static uint64_t order(rig_t *r, lease_order_t what, const char *id)
{
    return ask(r, (msg_lease_t){.order = what}, id)->grant;
}

static void the_same_id_is_the_same_lease_and_a_full_limit_says_so(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    const msg_leased_t *first = acquire(r, "a", CALLS);
    assert_true(first->grant == GRANT_GRANTED && !first->repeated && first->left_ms == 60000);
    const msg_leased_t *again = acquire(r, "a", CALLS);
    assert_true(again->grant == GRANT_GRANTED && again->repeated && again->fence == first->fence);
    assert_true(acquire(r, "b", CALLS)->fence > first->fence);
    const msg_leased_t *full = acquire(r, "c", CALLS);
    assert_int_equal(full->grant, GRANT_LIMITED);
    assert_true(bytes_is(full->reason, "rate_limit_exceeded") && full->retry_after_ms > 0);
    assert_true(bytes_is(full->limit, "calls") && full->in_use == 2 && full->slots == 2);
    assert_int_equal(order(r, LEASE_RELEASE, "a"), GRANT_RELEASED);
    assert_int_equal(order(r, LEASE_RELEASE, "a"), GRANT_RELEASED);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    assert_int_equal(order(r, LEASE_RENEW, "a"), GRANT_ABSENT);
    rig_destroy(r);
}

static void an_id_that_is_held_is_not_granted_for_something_else(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    static const char both[] = "[{\"name\":\"pace\"},{\"name\":\"calls\"}]";
    assert_int_equal(acquire(r, "a", CALLS)->grant, GRANT_GRANTED);
    rig_pass(r, 30 * US_PER_S);
    assert_int_equal(acquire(r, "a", "[{\"name\":\"pace\"}]")->grant, GRANT_CONFLICT);
    assert_int_equal(acquire(r, "a", "[{\"name\":\"calls\",\"cost\":2}]")->grant, GRANT_CONFLICT);
    assert_int_equal(acquire(r, "a", both)->grant, GRANT_CONFLICT);
    assert_int_equal(limits_bucket(r, "pace")->in_use, 0);
    rig_pass(r, 31 * US_PER_S); /* nor was it renewed by who asked for something else */
    assert_int_equal(limits_bucket(r, "calls")->in_use, 0);
    assert_int_equal(acquire(r, "a", both)->grant, GRANT_GRANTED);
    limits_restart(r, false);
    const msg_leased_t *turned = acquire(r, "a", "[{\"name\":\"calls\"},{\"name\":\"pace\"}]");
    assert_true(turned->grant == GRANT_GRANTED && turned->repeated);
    rig_destroy(r);
}

#define TAKE(name, more) ROUTE(name, "", "{'name':'t'," more "'acquire':{'id':'x'}}") ","
#define TAKE_CALLS TAKE("calls", "'limits':['calls'],")
#define TAKE_TWO TAKE("two", "'limits':['calls'],'costs':{'calls':2},")
#define TAKE_BOTH TAKE("both", "'limits':['calls','of'],")
#define TAKE_OF TAKE("of", "'limits':['of'],")
#define TAKE_PACED TAKE("paced", "'limits':['calls','pace'],")
#define CALL_OF CALL("'limits':['of'],'lease':{'id':'x'},")
static const char SAME_ID[] =
    TAKE_CALLS TAKE_TWO TAKE_BOTH TAKE_OF TAKE_PACED ROUTE("call", "", CALL_OF);

static void a_step_that_takes_an_id_held_for_something_else_fails_and_says_so(void **s)
{
    (void)s;
    rig_t *r = limits_rig("",
                          "'calls':{'slots':4,'ttl_s':60},'of':{'slots':4,'per':['l'],'ttl_s':60},"
                          "'pace':{'rate':{'count':1,'per_ms':60000}}",
                          SAME_ID);
    static const char *const others[] = {"two", "both", "of", "call"};
    limits_offer(r, (offer_t){1, "calls", "a"});
    assert_true(is_done(r, 1));
    rig_pass(r, 30 * US_PER_S);
    for (unsigned n = 0; n < COUNT_OF(others); n++) {
        limits_offer(r, (offer_t){10 + n, others[n], "a"});
        assert_int_equal(rig_state(r, 10 + n), STATE_DEAD);
        msgid_t id = rig_id(10 + n);
        assert_true(bytes_is(memory_disk_find(r->disk, &id)->progress.reason,
                             "lease: id x is held with other limits, labels or costs: take another "
                             "id"));
    }
    assert_int_equal(hand_fill(r), 0);
    rig_pass(r, 31 * US_PER_S); /* nor was it renewed */
    assert_int_equal(limits_bucket(r, "calls")->in_use, 0);
    limits_offer(r, (offer_t){2, "of", "a"});
    limits_offer(r, (offer_t){3, "of", "b"}); /* another label */
    assert_true(is_done(r, 2));
    assert_int_equal(rig_state(r, 3), STATE_DEAD);
    order(r, LEASE_RELEASE, "x");
    limits_offer(r, (offer_t){4, "calls", "a"});
    rig_pass(r, 30 * US_PER_S);
    limits_offer(r, (offer_t){5, "paced", "a"}); /* the same slots: a pace is none */
    assert_true(is_done(r, 4) && is_done(r, 5));
    rig_pass(r, 31 * US_PER_S);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    rig_destroy(r);
}

static void what_was_granted_is_answered_again_though_nothing_new_is(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    uint64_t fence = acquire(r, "a", CALLS)->fence;
    limits_self(r)->mode = MODE_DRAINING;
    const msg_leased_t *again = acquire(r, "a", CALLS);
    assert_true(again->grant == GRANT_GRANTED && again->repeated && again->fence == fence);
    assert_int_equal(acquire(r, "b", CALLS)->grant, GRANT_DRAINING);
    rig_destroy(r);
}

static void a_cost_that_its_limit_never_has_is_refused_and_no_slots_at_all_are_for_now(void **s)
{
    static const char *const never[] = {"[{\"name\":\"calls\",\"cost\":3}]",
                                        "[{\"name\":\"day\",\"cost\":2}]",
                                        "[{\"name\":\"pace\",\"cost\":2}]",
                                        "[{\"name\":\"calls\"},{\"name\":\"pace\",\"cost\":2}]"};
    (void)s;
    rig_t *r = up_with(LIMITS);
    for (size_t n = 0; n < COUNT_OF(never); n++) {
        const msg_leased_t *said = acquire(r, "a", never[n]);
        assert_int_equal(said->grant, GRANT_REFUSED);
        assert_true(bytes_is(said->reason, "the cost is more than the limit ever has"));
    }
    assert_int_equal(rig_ask(r, "limits.set", "{\"name\":\"calls\",\"slots\":0}")->status, 200);
    const msg_leased_t *closed = acquire(r, "a", CALLS);
    assert_int_equal(closed->grant, GRANT_LIMITED);
    assert_true(closed->retry_after_ms > 0);
    rig_destroy(r);
}

static void more_label_values_than_there_may_be_are_no_mistake_of_who_asks(void **s)
{
    (void)s;
    rig_t *r = limits_rig("'queue':{'buckets_max':16},",
                          "'calls':{'slots':2},'of':{'slots':2,'per':['x']}", ROUTES);
    unsigned count = 0;
    grant_t grant = GRANT_GRANTED;
    for (; grant == GRANT_GRANTED && count < 100; count++) {
        char id[8], limits[80];
        snprintf(id, sizeof id, "%u", count);
        snprintf(limits, sizeof limits, "[{\"name\":\"of\",\"labels\":{\"x\":\"%s\"}}]", id);
        const msg_leased_t *said = acquire(r, id, limits);
        grant = said->grant;
        assert_true(grant == GRANT_GRANTED || said->retry_after_ms > 0);
    }
    assert_int_equal(grant, GRANT_UNAVAILABLE);
    assert_true(count > 16 && count < 40);
    order(r, LEASE_RELEASE, "0");
    rig_pass(r, 10 * US_PER_S); /* it is swept */
    assert_int_equal(acquire(r, "n", "[{\"name\":\"of\",\"labels\":{\"x\":\"new\"}}]")->grant,
                     GRANT_GRANTED);
    rig_destroy(r);
}

static void who_renews_keeps_it_and_who_does_not_loses_it_in_its_time(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    acquire(r, "kept", CALLS);
    acquire(r, "lost", CALLS);
    for (unsigned n = 0; n < 10; n++) {
        rig_pass(r, 50 * US_PER_S);
        assert_int_equal(order(r, LEASE_RENEW, "kept"), GRANT_GRANTED);
        if (n == 4)
            limits_restart(r, false);
    }
    assert_int_equal(order(r, LEASE_LOOK, "lost"), GRANT_ABSENT);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    rig_pass(r, 61 * US_PER_S);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 0);
    rig_destroy(r);
}

static void a_renewal_that_says_how_long_is_heard(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    ask(r, (msg_lease_t){.order = LEASE_ACQUIRE, .limits = bytes_str(CALLS), .ttl_ms = 5000}, "a");
    assert_int_equal(ask(r, (msg_lease_t){.order = LEASE_RENEW, .ttl_ms = 40000}, "a")->left_ms,
                     40000);
    assert_int_equal(ask(r, (msg_lease_t){.order = LEASE_RENEW}, "a")->left_ms, 40000);
    assert_int_equal(ask(r, (msg_lease_t){.order = LEASE_RENEW, .ttl_ms = 900000}, "a")->left_ms,
                     60000); /* the limit's own time is the most */
    rig_destroy(r);
}

static uint64_t as(rig_t *r, lease_order_t what, const char *holder)
{
    return ask(r,
               (msg_lease_t){.order = what,
                             .holder = bytes_str(holder),
                             .limits = bytes_str(what == LEASE_ACQUIRE ? CALLS : "")},
               "a")
        ->grant;
}

static void another_holder_neither_gets_nor_renews_nor_releases_it(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    assert_int_equal(as(r, LEASE_ACQUIRE, "one"), GRANT_GRANTED);
    rig_pass(r, 50 * US_PER_S);
    assert_int_equal(as(r, LEASE_ACQUIRE, "other"), GRANT_CONFLICT);
    assert_int_equal(as(r, LEASE_RENEW, "other"), GRANT_CONFLICT);
    assert_int_equal(as(r, LEASE_RELEASE, "other"), GRANT_CONFLICT);
    rig_pass(r, 11 * US_PER_S);
    assert_int_equal(as(r, LEASE_RENEW, "one"), GRANT_ABSENT); /* the other's did not count */
    assert_int_equal(as(r, LEASE_ACQUIRE, "one"), GRANT_GRANTED);
    assert_int_equal(as(r, LEASE_RENEW, "one"), GRANT_GRANTED);
    assert_int_equal(as(r, LEASE_RENEW, ""), GRANT_GRANTED); /* who does not say it */
    limits_restart(r, false);
    assert_int_equal(as(r, LEASE_RENEW, "other"), GRANT_CONFLICT);
    assert_int_equal(as(r, LEASE_RELEASE, "one"), GRANT_RELEASED);
    assert_int_equal(as(r, LEASE_RELEASE, "other"), GRANT_RELEASED); /* it was gone */
    assert_int_equal(as(r, LEASE_ACQUIRE, ""), GRANT_GRANTED);
    assert_int_equal(as(r, LEASE_RENEW, "other"), GRANT_GRANTED); /* nobody said who took it */
    rig_destroy(r);
}

static void a_release_that_comes_first_voids_its_acquire_also_after_a_restart(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    limits_offer(r, (offer_t){1, "end", .value = "one"});
    assert_true(is_done(r, 1));
    limits_restart(r, false);
    limits_offer(r, (offer_t){2, "begin", .value = "one"});
    limits_offer(r, (offer_t){3, "begin", .value = "two"});
    assert_true(is_done(r, 2) && is_done(r, 3));
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    limits_offer(r, (offer_t){4, "end", .value = "two"});
    assert_int_equal(limits_bucket(r, "calls")->in_use, 0);
    limits_offer(r, (offer_t){5, "begin", .value = "one"}); /* the same work by another event */
    assert_true(is_done(r, 5));
    assert_int_equal(limits_bucket(r, "calls")->in_use, 0);
    rig_destroy(r);
}

static void an_acquire_step_waits_and_a_release_never_does(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    acquire(r, "x", CALLS);
    limits_offer(r, (offer_t){1, "begin", .value = "one"});
    limits_offer(r, (offer_t){2, "begin", .value = "two"});
    assert_true(is_done(r, 1) && !is_done(r, 2));
    limits_offer(r, (offer_t){3, "end", .value = "one"});
    assert_true(is_done(r, 3) && is_done(r, 2));
    assert_int_equal(limits_bucket(r, "calls")->in_use, 2);
    rig_destroy(r);
}

static void an_acquire_step_of_what_is_held_renews_it_though_the_limit_is_full(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    limits_offer(r, (offer_t){1, "begin", .value = "one"});
    limits_offer(r, (offer_t){2, "begin", .value = "two"});
    uint64_t fence = lease_find(limits_self(r), bytes_str("c-one"))->fence;
    for (unsigned n = 10; n < 14; n++) { /* it says so every 25 s, and its time is 60 s */
        rig_pass(r, 25 * US_PER_S);
        limits_offer(r, (offer_t){n, "begin", .value = "one"});
        assert_true(is_done(r, n));
        assert_int_equal(lease_find(limits_self(r), bytes_str("c-one"))->fence, fence);
    }
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1); /* nobody renewed the other */
    rig_destroy(r);
}

static void the_slots_of_a_call_become_a_lease_that_outlives_it_and_a_restart(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    for (unsigned n = 1; n <= 3; n++)
        limits_offer(r, (offer_t){n, "out", .value = n == 1 ? "a" : n == 2 ? "b" : "c"});
    assert_int_equal(hand_fill(r), 2);
    hand_ok(r, 1);
    assert_true(is_done(r, 1) && !in_hand(3)); /* it is held on */
    hand_settle(r, 2, OUTCOME_FAIL, 400, 0);   /* this one came to nothing */
    assert_true(in_hand(3));
    hand_ok(r, 3);
    limits_restart(r, false);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 2);
    assert_int_equal(order(r, LEASE_RELEASE, "c-a"), GRANT_RELEASED);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    rig_pass(r, 31 * US_PER_S);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 0);
    rig_destroy(r);
}

/* A job that was cancelled while it waited: nothing is begun for it, and the one behind it runs. */
static void what_was_released_before_its_call_is_not_called(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    for (unsigned n = 1; n <= 4; n++)
        limits_offer(r, (offer_t){n, "out", .value = n == 3 ? "c" : n == 4 ? "d" : "x"});
    assert_int_equal(hand_fill(r), 2);
    limits_offer(r, (offer_t){9, "end", .value = "c"});
    limits_restart(r, false);
    assert_int_equal(hand_fill(r), 2);
    for (unsigned n = 1; n <= 2; n++)
        hand_settle(r, n, OUTCOME_FAIL, 400, 0);
    assert_true(!in_hand(3) && is_done(r, 3) && in_hand(4));
    hand_ok(r, 4);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    limits_offer(r, (offer_t){10, "end", .value = "e"});
    limits_offer(r, (offer_t){5, "out", .value = "e"}); /* it does not wait either */
    assert_true(!in_hand(5) && is_done(r, 5));
    rig_destroy(r);
}

static void a_provisional_lease_counts_above_the_limit_and_a_used_up_rate(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    static const char both[] = "[{\"name\":\"calls\"},{\"name\":\"pace\"}]";
    msg_lease_t m = {.order = LEASE_ACQUIRE, .limits = bytes_str(both), .provisional = 1};
    for (char id[] = "a"; id[0] <= 'c'; id[0]++)
        assert_int_equal(ask(r, m, id)->grant, GRANT_GRANTED);
    assert_int_equal(acquire(r, "x", CALLS)->grant, GRANT_LIMITED);
    rig_pass(r, 50 * US_PER_S);
    limits_restart(r, false); /* its door may have renewed it alone */
    rig_pass(r, 50 * US_PER_S);
    assert_int_equal(limits_bucket(r, "calls")->in_use, 3);
    rig_destroy(r);
}

static void a_cap_that_is_used_up_says_so_and_takes_nothing_else(void **s)
{
    (void)s;
    rig_t *r = up_with(LIMITS);
    static const char both[] = "[{\"name\":\"calls\"},{\"name\":\"day\"}]";
    assert_int_equal(acquire(r, "a", both)->grant, GRANT_GRANTED);
    const msg_leased_t *capped = acquire(r, "b", both);
    assert_int_equal(capped->grant, GRANT_CAPPED);
    assert_true(bytes_is(capped->reason, "usage_cap_exceeded"));
    assert_true(capped->retry_after_ms > 3600000); /* until midnight */
    assert_int_equal(limits_bucket(r, "calls")->in_use, 1);
    rig_destroy(r);
}

/* Of what the ingress at conn was told: how many, the last one's id. */
static size_t ends_told(rig_t *r, conn_t conn, bytes_t *last)
{
    size_t count = 0;
    for (const msg_ended_t *m; (m = rig_next(r, conn, MESSAGE_ENDED)); count++)
        *last = m->id;
    return count;
}

static void every_ingress_is_told_of_the_end_of_what_it_may_count(void **s)
{
    (void)s;
    static const char guarded[] = "[{\"name\":\"few\"}]";
    bytes_t id;
    rig_t *r = up_with("'calls':{'slots':2},'few':{'slots':9,'ttl_s':60,'guard':3}");
    rig_hello(r, CONN_OTHER, ACTOR_INGRESS, 41, NULL);
    acquire(r, "plain", CALLS);
    order(r, LEASE_RELEASE, "plain"); /* no guard counts it */
    assert_int_equal(ends_told(r, CONN_OTHER, &id), 0);
    acquire(r, "a", guarded);
    order(r, LEASE_RELEASE, "a");
    assert_int_equal(ends_told(r, CONN_INGRESS, &id), 1);
    assert_true(ends_told(r, CONN_OTHER, &id) == 1 && bytes_is(id, "a"));
    acquire(r, "c-hook", guarded);
    limits_restart(r, false);
    limits_offer(r, (offer_t){1, "end", .value = "hook"});
    assert_true(ends_told(r, CONN_INGRESS, &id) == 1 && bytes_is(id, "c-hook"));
    acquire(r, "lost", guarded);
    rig_pass(r, 61 * US_PER_S);
    assert_true(ends_told(r, CONN_INGRESS, &id) == 1 && bytes_is(id, "lost"));
    acquire(r, "by-hand", guarded);
    assert_int_equal(rig_ask(r, "slots.reclaim", "{\"id\":\"by-hand\",\"why\":\"gone\"}")->status,
                     200);
    assert_true(ends_told(r, CONN_INGRESS, &id) == 1 && bytes_is(id, "by-hand"));
    rig_destroy(r);
}

/* Of a hundred thousand numbers between the oldest message and the one that waits for its key with
 * the slots of its route. */
static void holders_are_found_without_a_look_at_those_who_only_wait(void **s)
{
    (void)s;
    rig_t *r = limits_rig("", "'few':{'slots':2,'at_limit':'reject'},'calls':{'slots':2}",
                          ROUTE("plain", "", CALL("")) "," ROUTE("few", "'limits':['few'],",
                                                                 CALL("'limits':['calls'],")));
    limits_offer(r, (offer_t){1, "plain"});
    limits_self(r)->tally.next_seq += 100000;
    limits_offer(r, (offer_t){2, "few", .key = "k"});
    limits_offer(r, (offer_t){3, "few", .key = "k"});
    assert_int_equal(hand_fill(r), 2);
    const msg_answer_t *a = rig_ask(r, "slots.ls", "{\"limit\":\"few\"}");
    json_t *said = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(said, "holders")), 2);
    assert_true(json_is_true(json_object_get(said, "whole")));
    json_decref(said);
    rig_destroy(r);
}

static void releases_of_what_was_never_here_keep_no_lease_out(void **s)
{
    (void)s;
    rig_t *r = limits_rig("'queue':{'leases_max':2},", LIMITS, ROUTES);
    static const char *const values[] = {"x", "y", "z"};
    for (unsigned n = 0; n < COUNT_OF(values); n++) {
        limits_offers(r, (offer_t){n + 1, "end", .value = values[n]}, 1);
        assert_true(is_done(r, n + 1));
    }
    assert_int_equal(metrics_count(r->metrics, METRIC_RELEASES_FORGOTTEN, bytes_of(NULL, 0)), 1);
    assert_int_equal(acquire(r, "a", CALLS)->grant, GRANT_GRANTED);
    assert_int_equal(acquire(r, "b", CALLS)->grant, GRANT_GRANTED);
    assert_int_equal(order(r, LEASE_RELEASE, "a"), GRANT_RELEASED);
    limits_restart(r, false);
    assert_int_equal(acquire(r, "c", CALLS)->grant, GRANT_GRANTED);
    for (unsigned n = 0; n < 2; n++) /* its release came first; the answer may have been lost */
        assert_int_equal(acquire(r, "c-x", CALLS)->grant, GRANT_RELEASED);
    rig_pass(r, 601 * US_PER_S); /* its own time */
    assert_int_equal(acquire(r, "c-x", CALLS)->grant, GRANT_GRANTED);
    rig_destroy(r);
}

static void only_limits_of_slots_say_how_long_a_lease_lives(void **s)
{
    (void)s;
    static const char *const in_order[] = {"'limits':['rate','long','short'],",
                                           "'limits':['short','long','rate'],"};
    for (size_t n = 0; n < 2; n++) {
        char routes[300];
        snprintf(routes, sizeof routes,
                 ROUTE("begin", "", "{'name':'t',%s'acquire':{'id':'c-${/labels/l}'}}"),
                 in_order[n]);
        rig_t *r = limits_rig("",
                              "'long':{'slots':2,'ttl_s':9000},'short':{'slots':2,'ttl_s':7200},"
                              "'rate':{'rate':{'count':10,'per_ms':1000}}",
                              routes);
        static const char all[] = "[{\"name\":\"rate\"},{\"name\":\"long\"},{\"name\":\"short\"}]";
        msg_lease_t m = {.order = LEASE_ACQUIRE, .limits = bytes_str(all), .ttl_ms = 86400u * 1000};
        assert_int_equal(ask(r, m, "h")->left_ms, 7200 * 1000);
        limits_offer(r, (offer_t){1, "begin", "A"});
        rig_pass(r, 7199 * US_PER_S);
        assert_int_equal(limits_bucket(r, "short")->in_use, 2);
        m = (msg_lease_t){.order = LEASE_RENEW, .ttl_ms = 86400u * 1000};
        assert_int_equal(ask(r, m, "h")->left_ms, 7200 * 1000);
        rig_pass(r, 2 * US_PER_S);
        assert_int_equal(limits_bucket(r, "short")->in_use, 1);
        assert_int_equal(acquire(r, "p", "[{\"name\":\"rate\"}]")->left_ms, 600 * 1000);
        rig_destroy(r);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(only_limits_of_slots_say_how_long_a_lease_lives),
    cmocka_unit_test(the_same_id_is_the_same_lease_and_a_full_limit_says_so),
    cmocka_unit_test(an_id_that_is_held_is_not_granted_for_something_else),
    cmocka_unit_test(a_step_that_takes_an_id_held_for_something_else_fails_and_says_so),
    cmocka_unit_test(what_was_granted_is_answered_again_though_nothing_new_is),
    cmocka_unit_test(a_cost_that_its_limit_never_has_is_refused_and_no_slots_at_all_are_for_now),
    cmocka_unit_test(more_label_values_than_there_may_be_are_no_mistake_of_who_asks),
    cmocka_unit_test(who_renews_keeps_it_and_who_does_not_loses_it_in_its_time),
    cmocka_unit_test(a_renewal_that_says_how_long_is_heard),
    cmocka_unit_test(another_holder_neither_gets_nor_renews_nor_releases_it),
    cmocka_unit_test(a_release_that_comes_first_voids_its_acquire_also_after_a_restart),
    cmocka_unit_test(an_acquire_step_waits_and_a_release_never_does),
    cmocka_unit_test(an_acquire_step_of_what_is_held_renews_it_though_the_limit_is_full),
    cmocka_unit_test(the_slots_of_a_call_become_a_lease_that_outlives_it_and_a_restart),
    cmocka_unit_test(what_was_released_before_its_call_is_not_called),
    cmocka_unit_test(every_ingress_is_told_of_the_end_of_what_it_may_count),
    cmocka_unit_test(holders_are_found_without_a_look_at_those_who_only_wait),
    cmocka_unit_test(releases_of_what_was_never_here_keep_no_lease_out),
    cmocka_unit_test(a_provisional_lease_counts_above_the_limit_and_a_used_up_rate),
    cmocka_unit_test(a_cap_that_is_used_up_says_so_and_takes_nothing_else),
};
LIMITS_MAIN(tests)
