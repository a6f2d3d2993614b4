/* Who exists, who may talk to whom, who gets which secrets; and what each child is told of the
 * others. */
#include "tests/unit/steps.h"

#include "supervisor/family.h"

static const char yaml[] =
    "state_dir: /tmp/weir-test/state\n"
    "run_dir: /tmp/weir-test/run\n"
    "http: {api_token: api}\n"
    "api_keys: {ops: {secret: ops-key, secret_next: ops-key-2, scopes: admin}}\n"
    "actors: {ingress: 2, classifier: 1, responder: 3}\n"
    "sources:\n"
    "  hub: {auth: github, secret: hub-key}\n"
    "  desk: {auth: none-on-loopback}\n"
    "downstreams:\n"
    "  shop: {url: \"http://127.0.0.1:1\", allow_private: true, secret: shop-token}\n"
    "routes:\n"
    "  r:\n"
    "    path: /r\n"
    "    source: hub\n"
    "    steps: [{name: go, call: {downstream: shop, path: /x}}]\n";

static const instant_t t0 = {1000 * US_PER_S};

typedef struct house {
    config_t *config;
    family_t family;
    uint64_t generation;
} house_t;

static void begin(house_t *h)
{
    *h = (house_t){.config = steps_config(yaml)};
    family_init(&h->family, h->config, t0);
}

static void end(house_t *h) { config_destroy(&h->config); }

static void change(house_t *h, child_t *c, enum child_event_kind kind)
{
    static const child_policy_t policy = {
        .ready_us = US_PER_S, .restart = {.min_us = 1, .max_us = 1, .burst_us = 1, .burst = 9}};
    rand_t chance = rand_seeded(1);
    child_wishes_t w = child_step(c, &(child_event_t){.kind = kind}, &policy, t0, &chance);
    if (w.wishes & CHILD_WISH_SPAWN)
        child_born(c, 4711, ++h->generation);
}

static void make_ready(house_t *h, unsigned actor, unsigned instance)
{
    child_t *c = family_find(&h->family, actor, instance);
    change(h, c, CHILD_ON_START);
    change(h, c, CHILD_ON_SAID_READY);
}

static void make_all_ready(house_t *h)
{
    for (size_t i = 0; i < h->family.count; i++)
        make_ready(h, h->family.children[i].actor, h->family.children[i].instance);
}

static void there_are_as_many_as_the_configuration_says(void **state)
{
    (void)state;
    house_t h;
    begin(&h);
    static const char *const names[] = {"limiter/0",   "classifier/0", "responder/0", "responder/1",
                                        "responder/2", "drainer/0",    "ingress/0",   "ingress/1"};
    assert_int_equal(h.family.count, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_string_equal(h.family.children[i].name, names[i]);
    end(&h);
}

static void the_roster_is_whole(void **state)
{
    (void)state;
    unsigned waves = 0;
    for (unsigned actor = 0; actor < ACTOR_COUNT; actor++) {
        const roster_entry_t *entry = roster_find(actor);
        assert_true((entry == NULL) == (actor == ACTOR_SUPERVISOR));
        if (!entry)
            continue;
        char program[64];
        snprintf(program, sizeof program, "weir-%s", actor_name(actor));
        assert_string_equal(entry->program, program);
        assert_in_range(entry->wave, 1, ROSTER_WAVES);
        waves |= 1u << entry->wave;
    }
    assert_int_equal(waves, 0x1e); /* no wave is empty */
}

static void everybody_talks_to_the_limiter_and_nobody_to_another(void **state)
{
    (void)state;
    for (unsigned a = ACTOR_INGRESS; a < ACTOR_COUNT; a++)
        for (unsigned b = ACTOR_INGRESS; b < ACTOR_COUNT; b++) {
            bool wanted = a != b && (a == ACTOR_LIMITER || b == ACTOR_LIMITER);
            assert_int_equal(roster_linked(a, b), wanted);
            assert_int_equal(roster_needs(a, b), wanted && b == ACTOR_LIMITER);
        }
}

/* What the jail lets an actor do is what its record makes it do. */
static void everybody_may_what_its_record_says_and_no_more(void **state)
{
    (void)state;
    const actor_spec_t *const specs[] = {&limiter_spec, &classifier_spec, &responder_spec,
                                         &drainer_spec, &ingress_spec};
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        const actor_spec_t *s = specs[i];
        unsigned may = (s->listens ? MAY_LISTEN : 0) | (s->calls ? MAY_CALL : 0) |
                       (s->stores ? MAY_STORE : 0) | (s->serves ? MAY_SERVE : 0);
        assert_int_equal(roster_find(s->kind)->may, may);
    }
}

static void add_name(void *arg, const char *name)
{
    char *names = arg;
    size_t used = strlen(names);
    snprintf(names + used, 256 - used, "%s ", name);
}

static void each_secret_goes_only_to_who_needs_it(void **state)
{
    (void)state;
    house_t h;
    begin(&h);
    static const struct {
        unsigned actor;
        const char *secrets;
    } rows[] = {{ACTOR_INGRESS, "hub-key ops-key ops-key-2 api "},
                {ACTOR_RESPONDER, "shop-token "},
                {ACTOR_LIMITER, ""},
                {ACTOR_CLASSIFIER, ""},
                {ACTOR_DRAINER, ""}};
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        char names[256] = "";
        roster_secrets(roster_find(rows[n].actor), h.config, add_name, names);
        assert_string_equal(names, rows[n].secrets);
    }
    end(&h);
}

static void a_newcomer_is_told_of_itself_and_of_all_that_live_and_concern_it(void **state)
{
    (void)state;
    house_t h;
    msg_peers_t peers[ROSTER_INSTANCES_MAX];
    begin(&h);
    make_all_ready(&h);
    change(&h, family_find(&h.family, ACTOR_RESPONDER, 1), CHILD_ON_EXITED);
    child_t *limiter = family_find(&h.family, ACTOR_LIMITER, 0);
    size_t count = family_peers(&h.family, limiter, peers);
    assert_int_equal(count, 7); /* all but the dead one */
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(peers[i].whole, 1);
        assert_int_equal(peers[i].life, LIFE_READY);
        assert_false(peers[i].actor == ACTOR_RESPONDER && peers[i].instance == 1);
    }
    child_t *ingress = family_find(&h.family, ACTOR_INGRESS, 1);
    assert_int_equal(family_peers(&h.family, ingress, peers), 2);
    assert_int_equal(peers[0].actor, ACTOR_LIMITER);
    assert_int_equal(peers[1].generation, ingress->generation);
    end(&h);
}

static void a_process_is_one_of_ours_while_it_lives(void **state)
{
    (void)state;
    house_t h;
    begin(&h);
    assert_false(family_has_process(&h.family, 0)); /* nobody was started yet */
    make_ready(&h, ACTOR_DRAINER, 0);
    assert_true(family_has_process(&h.family, 4711));
    assert_false(family_has_process(&h.family, 4712));
    end(&h);
}

static void the_list_is_never_empty(void **state)
{
    (void)state;
    house_t h;
    msg_peers_t peers[ROSTER_INSTANCES_MAX];
    begin(&h);
    child_t *limiter = family_find(&h.family, ACTOR_LIMITER, 0);
    change(&h, limiter, CHILD_ON_START);
    assert_int_equal(family_peers(&h.family, limiter, peers), 1);
    assert_int_equal(peers[0].life, LIFE_STARTING);
    end(&h);
}

static void what_needs_the_limiter_is_served_only_while_it_is_ready(void **state)
{
    (void)state;
    house_t h;
    begin(&h);
    child_t *limiter = family_find(&h.family, ACTOR_LIMITER, 0);
    child_t *ingress = family_find(&h.family, ACTOR_INGRESS, 0);
    change(&h, limiter, CHILD_ON_START);
    assert_false(family_serves(&h.family, ingress));
    assert_true(family_serves(&h.family, limiter));
    change(&h, limiter, CHILD_ON_SAID_READY);
    assert_true(family_serves(&h.family, ingress));
    change(&h, limiter, CHILD_ON_EXITED);
    assert_false(family_serves(&h.family, ingress));
    end(&h);
}

static void the_summary_names_who_is_not_ready(void **state)
{
    (void)state;
    house_t h;
    char text[256];
    begin(&h);
    make_all_ready(&h);
    family_summary(&h.family, text, sizeof text);
    assert_string_equal(text, "8 actors ready");
    assert_true(family_is_ready(&h.family));
    change(&h, family_find(&h.family, ACTOR_DRAINER, 0), CHILD_ON_EXITED);
    family_summary(&h.family, text, sizeof text);
    assert_string_equal(text, "7 of 8 actors ready; drainer/0 backoff");
    family_summary(&h.family, text, 12); /* cut, not overrun */
    assert_string_equal(text, "7 of 8 acto");
    end(&h);
}

static void a_wave_is_down_when_all_of_it_are(void **state)
{
    (void)state;
    house_t h;
    begin(&h);
    make_all_ready(&h);
    for (unsigned n = 0; n < 2; n++) {
        child_t *c = family_find(&h.family, ACTOR_INGRESS, n);
        assert_false(family_wave_is_down(&h.family, 1));
        change(&h, c, CHILD_ON_STOP);
        change(&h, c, CHILD_ON_EXITED);
    }
    assert_true(family_wave_is_down(&h.family, 1));
    assert_false(family_wave_is_down(&h.family, 2));
    assert_false(family_wave_is_down(&h.family, 0));
    end(&h);
}

static void names_mean_one_child_or_all_of_a_kind(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {{"responder", 3}, {"responder/2", 1}, {"responder/3", 0},
                {"limiter", 1},   {"respond", 0},     {"", 0},
                {"responder/", 0}};
    house_t h;
    begin(&h);
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        size_t count = 0;
        for (size_t i = 0; i < h.family.count; i++)
            count += family_means(&h.family.children[i], rows[n].name);
        if (count != rows[n].count)
            fail_msg("\"%s\" means %zu", rows[n].name, count);
    }
    end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_as_the_configuration_says),
        cmocka_unit_test(the_roster_is_whole),
        cmocka_unit_test(everybody_talks_to_the_limiter_and_nobody_to_another),
        cmocka_unit_test(everybody_may_what_its_record_says_and_no_more),
        cmocka_unit_test(each_secret_goes_only_to_who_needs_it),
        cmocka_unit_test(a_newcomer_is_told_of_itself_and_of_all_that_live_and_concern_it),
        cmocka_unit_test(a_process_is_one_of_ours_while_it_lives),
        cmocka_unit_test(the_list_is_never_empty),
        cmocka_unit_test(what_needs_the_limiter_is_served_only_while_it_is_ready),
        cmocka_unit_test(the_summary_names_who_is_not_ready),
        cmocka_unit_test(a_wave_is_down_when_all_of_it_are),
        cmocka_unit_test(names_mean_one_child_or_all_of_a_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
