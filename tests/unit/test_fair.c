/* Who waits gets it in a fair order: classes are bounded shifts of time, flows share by weight,
 * inside a flow the first is first. Whatever is put, taken or removed, a naive model agrees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/fair.h"
#include "core/rand.h"

typedef struct waiter {
    fair_node_t node;
    int64_t accepted_us;
    uint64_t flow;
    class_t class;
    unsigned number;
} waiter_t;

static waiter_t *waiter_of(const fair_node_t *n)
{
    return list_of((fair_node_t *)(uintptr_t)n, waiter_t, node);
}
static int64_t accepted_us(const fair_node_t *n) { return waiter_of(n)->accepted_us; }
static const fair_rules_t RULES = {{600 * US_PER_S, 120 * US_PER_S, 30 * US_PER_S, 0}, accepted_us};
static const fair_rules_t FLAT = {{0}, accepted_us};

static void put(fair_t *f, waiter_t *w, class_t class, uint64_t flow, uint8_t weight)
{
    w->class = class;
    w->flow = flow;
    fair_put(f, &w->node, (fair_put_t){class, weight, false, flow});
}
static waiter_t *take(fair_t *f)
{
    fair_node_t *first = fair_first(f);
    fair_node_t *taken = fair_take(f);
    assert_ptr_equal(first, taken);
    if (!taken)
        return NULL;
    assert_null(taken->place.next); /* who takes sees that it is in none */
    return waiter_of(taken);
}

static void inside_a_flow_the_first_is_first(void **state)
{
    (void)state;
    fair_t f;
    fair_init(&f, &FLAT);
    waiter_t w[100] = {0};
    for (size_t i = 0; i < 100; i++)
        put(&f, &w[i], CLASS_NORMAL, FAIR_COMMON_FLOW, 1);
    assert_int_equal(fair_count(&f), 100);
    for (size_t i = 0; i < 100; i++)
        assert_ptr_equal(take(&f), &w[i]);
    assert_null(take(&f));
    assert_int_equal(fair_count(&f), 0);
}

static void one_put_at_the_front_comes_before_the_others_of_its_flow_only(void **state)
{
    (void)state;
    fair_t f;
    fair_init(&f, &FLAT);
    waiter_t w[4] = {0};
    put(&f, &w[0], CLASS_NORMAL, 1, 1);
    put(&f, &w[1], CLASS_NORMAL, 2, 1);
    put(&f, &w[2], CLASS_NORMAL, 2, 1);
    fair_put(&f, &w[3].node, (fair_put_t){CLASS_NORMAL, 1, true, 2});
    static const size_t order[] = {0, 3, 1, 2};
    for (size_t i = 0; i < COUNT_OF(order); i++)
        assert_ptr_equal(take(&f), &w[order[i]]);
}

/* A low message under endless critical ones waits for the difference of the shifts, no longer. */
static void a_head_that_is_taken_out_of_its_flow_s_turn_costs_the_others_none(void **state)
{
    (void)state;
    fair_t f;
    fair_init(&f, &FLAT);
    waiter_t w[6] = {0};
    for (size_t i = 0; i < 4; i++)
        put(&f, &w[i], CLASS_NORMAL, 11 + i / 2, 2);
    put(&f, &w[4], CLASS_NORMAL, 2, 1);
    put(&f, &w[5], CLASS_LOW, 2, 1);
    assert_ptr_equal(fair_first_in(&f, CLASS_NORMAL, 2), &w[4].node);
    assert_ptr_equal(fair_first_in(&f, CLASS_LOW, 2), &w[5].node);
    assert_null(fair_first_in(&f, CLASS_HIGH, 2));
    assert_ptr_equal(take(&f), &w[0]); /* the first of two in its turn */
    fair_take_head(&f, &w[4].node);
    assert_null(fair_first_in(&f, CLASS_NORMAL, 2));
    assert_ptr_equal(take(&f), &w[1]);
    assert_ptr_equal(take(&f), &w[2]);
    assert_ptr_equal(take(&f), &w[3]);
    assert_ptr_equal(take(&f), &w[5]);
    assert_null(take(&f));
}

static void nothing_starves_beyond_the_difference_of_the_shifts(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        class_t above, below;
    } rows[] = {
        {"low under critical", CLASS_CRITICAL, CLASS_LOW},
        {"low under normal", CLASS_NORMAL, CLASS_LOW},
        {"normal under high", CLASS_HIGH, CLASS_NORMAL},
    };
    for (size_t row = 0; row < COUNT_OF(rows); row++) {
        fair_t f;
        fair_init(&f, &RULES);
        waiter_t below = {.accepted_us = 1000 * US_PER_S}, above[3000] = {0};
        int64_t bound = RULES.shift_us[rows[row].above] - RULES.shift_us[rows[row].below];
        put(&f, &below, rows[row].below, 0, 1);
        /* Two a second come, one a second is taken: those above never run out. */
        size_t came = 0;
        int64_t taken_us = -1;
        for (int64_t now = below.accepted_us; taken_us < 0; now += US_PER_S) {
            for (int i = 0; i < 2 && came < COUNT_OF(above); i++, came++) {
                above[came].accepted_us = now + i;
                put(&f, &above[came], rows[row].above, 0, 1);
            }
            waiter_t *w = take(&f);
            assert_true(w == &below || w->accepted_us <= below.accepted_us + bound);
            if (w == &below)
                taken_us = now;
        }
        /* All that were accepted within the bound went first, none after it: 2 a second of them. */
        assert_int_equal(taken_us - below.accepted_us, bound * 2 + US_PER_S);
        while (take(&f))
            ;
    }
}

/* Of a low flow three old ones, beside flows whose messages are always young: when the first is
 * old enough, the class has its turns, and the last is taken within three rounds of them. */
static void what_waits_longer_than_the_difference_waits_for_turns_of_its_class_only(void **state)
{
    (void)state;
    enum { BESIDE = 20, OWN = 3 };
    fair_t f;
    fair_init(&f, &RULES);
    waiter_t own[OWN] = {0}, young[BESIDE] = {0}, above[1000] = {0};
    int64_t bound = RULES.shift_us[CLASS_HIGH] - RULES.shift_us[CLASS_LOW], now = bound + 1;
    for (size_t i = 0; i < OWN; i++)
        put(&f, &own[i], CLASS_LOW, 100, 1);
    for (size_t i = 0; i < BESIDE; i++) {
        young[i].accepted_us = now;
        put(&f, &young[i], CLASS_LOW, i, 1);
    }
    unsigned took = 0, high = 0;
    for (size_t i = 0; i < COUNT_OF(above) && own[OWN - 1].node.place.next; i++) {
        above[i].accepted_us = now++;
        put(&f, &above[i], CLASS_HIGH, 0, 1);
        waiter_t *w = take(&f);
        took++;
        high += w->class == CLASS_HIGH;
        if (w->class == CLASS_LOW && w->flow != 100) {
            w->accepted_us = now;
            put(&f, w, CLASS_LOW, w->flow, 1);
        }
    }
    assert_int_equal(high, 0);
    assert_true(took <= OWN * (BESIDE + 1));
    while (take(&f))
        ;
}

static void equal_times_go_to_the_higher_class(void **state)
{
    (void)state;
    fair_t f;
    fair_init(&f, &FLAT);
    waiter_t w[CLASS_COUNT] = {0};
    for (int c = CLASS_COUNT - 1; c >= 0; c--)
        put(&f, &w[c], (class_t)c, 0, 1);
    for (int c = 0; c < CLASS_COUNT; c++)
        assert_ptr_equal(take(&f), &w[c]);
}

/* Flows that never run empty: in any stretch, shares by weight within one quantum. */
static void flows_share_by_weight_within_one_quantum(void **state)
{
    (void)state;
    enum { FLOWS = 20, TAKES = 20000 };
    for (uint64_t seed = 1; seed <= 5; seed++) {
        rand_t r = rand_seeded(seed);
        fair_t f;
        fair_init(&f, &RULES);
        waiter_t w[FLOWS][2] = {0};
        unsigned weight[FLOWS], taken[FLOWS] = {0};
        for (uint64_t k = 0; k < FLOWS; k++) {
            weight[k] = 1 + (unsigned)rand_below(&r, FAIR_WEIGHT_MAX);
            for (int i = 0; i < 2; i++)
                put(&f, &w[k][i], CLASS_LOW, k, (uint8_t)weight[k]);
        }
        for (int n = 0; n < TAKES; n++) {
            waiter_t *got = take(&f);
            taken[got->flow]++;
            put(&f, got, CLASS_LOW, got->flow, (uint8_t)weight[got->flow]);
            /* rounds = taken / weight: nobody is more than one round from anybody else */
            unsigned k = (unsigned)rand_below(&r, FLOWS), g = (unsigned)got->flow;
            assert_true(taken[g] * weight[k] <= (taken[k] + weight[k]) * weight[g]);
            assert_true(taken[k] * weight[g] <= (taken[g] + weight[g]) * weight[k]);
        }
        while (take(&f))
            ;
    }
}

static void a_new_flow_waits_for_one_round_whoever_floods(void **state)
{
    (void)state;
    fair_t f;
    fair_init(&f, &FLAT);
    waiter_t flood[500] = {0}, small = {0};
    for (size_t i = 0; i < COUNT_OF(flood); i++)
        put(&f, &flood[i], CLASS_NORMAL, i % 5, 10);
    put(&f, &small, CLASS_NORMAL, 99, 1);
    unsigned before = 0;
    while (take(&f) != &small)
        before++;
    assert_true(before <= 5 * 10);
    while (take(&f))
        ;
}

/* The model: flows of a class in an array in the order of their turns, nodes in an array. */
enum { MANY = 400, FLOWS_MANY = 60 };
typedef struct model_flow {
    uint64_t id;
    unsigned weight, left;
    waiter_t *nodes[MANY];
    size_t count;
} model_flow_t;
typedef struct model {
    model_flow_t *flows[CLASS_COUNT][FLOWS_MANY];
    size_t count[CLASS_COUNT];
} model_t;

static void model_put(model_t *m, waiter_t *w, unsigned weight, bool front)
{
    model_flow_t *flow = NULL;
    for (size_t i = 0; i < m->count[w->class]; i++)
        if (m->flows[w->class][i]->id == w->flow)
            flow = m->flows[w->class][i];
    if (!flow) {
        flow = calloc(1, sizeof *flow);
        *flow = (model_flow_t){w->flow, weight, weight};
        m->flows[w->class][m->count[w->class]++] = flow;
    }
    flow->weight = weight;
    flow->left = flow->left < weight ? flow->left : weight;
    size_t at = front ? 0 : flow->count;
    memmove(&flow->nodes[at + 1], &flow->nodes[at], (flow->count - at) * sizeof flow->nodes[0]);
    flow->nodes[at] = w;
    flow->count++;
}

static void model_rotate(model_t *m, unsigned c)
{
    model_flow_t *first = m->flows[c][0];
    memmove(&m->flows[c][0], &m->flows[c][1], (m->count[c] - 1) * sizeof first);
    m->flows[c][m->count[c] - 1] = first;
    m->flows[c][0]->left = m->flows[c][0]->weight;
}

static void model_remove(model_t *m, const waiter_t *w)
{
    size_t k = 0, i = 0;
    while (m->flows[w->class][k]->id != w->flow)
        k++;
    model_flow_t *flow = m->flows[w->class][k];
    while (flow->nodes[i] != w)
        i++;
    flow->count--;
    memmove(&flow->nodes[i], &flow->nodes[i + 1], (flow->count - i) * sizeof flow->nodes[0]);
    if (flow->count > 0)
        return;
    m->count[w->class]--;
    memmove(&m->flows[w->class][k], &m->flows[w->class][k + 1],
            (m->count[w->class] - k) * sizeof flow);
    if (k == 0 && m->count[w->class] > 0)
        m->flows[w->class][0]->left = m->flows[w->class][0]->weight;
    free(flow);
}

/* Of the class with the oldest head, whosever turn it is in it. */
static waiter_t *model_take(model_t *m)
{
    waiter_t *first = NULL;
    int64_t earliest = INT64_MAX;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        for (size_t k = 0; k < m->count[c]; k++) {
            int64_t shifted = m->flows[c][k]->nodes[0]->accepted_us - RULES.shift_us[c];
            if (shifted >= earliest)
                continue;
            earliest = shifted;
            first = m->flows[c][0]->nodes[0];
        }
    if (!first)
        return NULL;
    if (--m->flows[first->class][0]->left == 0)
        model_rotate(m, first->class);
    model_remove(m, first);
    return first;
}

static void whatever_happens_a_naive_model_agrees(void **state)
{
    (void)state;
    waiter_t *w = calloc(MANY, sizeof *w);
    model_t *m = calloc(1, sizeof *m);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        rand_t r = rand_seeded(seed);
        fair_t f;
        fair_init(&f, &RULES);
        size_t waiting = 0, flows = seed == 1 ? 1 : seed * 15;
        for (unsigned n = 0; n < 100000; n++) {
            /* It fills and empties by turns, so that flows come, go and the table grows, shrinks.
             */
            bool filling = n / 2000 % 2 == 0;
            waiter_t *any = &w[rand_below(&r, MANY)];
            uint64_t what = rand_below(&r, 10);
            if (!any->node.place.next && what < (filling ? 7u : 3u)) {
                *any = (waiter_t){.accepted_us = (int64_t)rand_below(&r, 1000) * US_PER_S,
                                  .flow = rand_below(&r, flows),
                                  .class = (class_t)rand_below(&r, CLASS_COUNT)};
                fair_put_t as = {any->class, (uint8_t)(1 + rand_below(&r, 5)),
                                 rand_below(&r, 4) == 0, any->flow};
                fair_put(&f, &any->node, as);
                model_put(m, any, as.weight, as.front);
                waiting++;
            } else if (any->node.place.next && what == 9) {
                fair_remove(&f, &any->node);
                model_remove(m, any);
                assert_null(any->node.place.next);
                waiting--;
            } else if (what >= 7) {
                waiter_t *expected = model_take(m);
                assert_ptr_equal(take(&f), expected);
                waiting -= expected != NULL;
            }
            assert_int_equal(fair_count(&f), waiting);
        }
        for (waiter_t *last; (last = model_take(m)) != NULL;)
            assert_ptr_equal(take(&f), last);
        assert_null(take(&f));
        assert_null(f.table); /* an empty one owns nothing; the sanitizer sees the rest */
        for (unsigned c = 0; c < CLASS_COUNT; c++)
            assert_null(f.heads[c]);
    }
    free(m);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inside_a_flow_the_first_is_first),
        cmocka_unit_test(one_put_at_the_front_comes_before_the_others_of_its_flow_only),
        cmocka_unit_test(a_head_that_is_taken_out_of_its_flow_s_turn_costs_the_others_none),
        cmocka_unit_test(nothing_starves_beyond_the_difference_of_the_shifts),
        cmocka_unit_test(what_waits_longer_than_the_difference_waits_for_turns_of_its_class_only),
        cmocka_unit_test(equal_times_go_to_the_higher_class),
        cmocka_unit_test(flows_share_by_weight_within_one_quantum),
        cmocka_unit_test(a_new_flow_waits_for_one_round_whoever_floods),
        cmocka_unit_test(whatever_happens_a_naive_model_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
