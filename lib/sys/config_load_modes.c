#include "sys/config_check.h"
#include "sys/config_load.h"

static const char *const acts[MODE_ACT_COUNT] = {
    [ACT_DEGRADED] = "degraded", [ACT_SLOW_DOWN] = "slow_down", [ACT_REFUSE] = "refuse"};

const char *mode_act_name(unsigned act)
{
    must(act < MODE_ACT_COUNT);
    return acts[act];
}

static void load_rule(mode_rule_t *rule, json_t *json)
{
    const char *of = leaf_text(json, "of"), *does = leaf_word(json, "does");
    rule->signal = (uint8_t)signal_of(bytes_str(leaf_word(json, "signal")));
    rule->of = of ? of : "";
    NUMBER(rule, json, enter);
    NUMBER(rule, json, leave);
    while (strcmp(acts[rule->does], does) != 0)
        rule->does++;
}

void load_modes(loading_t *l, json_t *json)
{
    modes_config_t *modes = &l->config->modes;
    json_t *rules = json_object_get(json, "rules");
    modes->stay_us = (int64_t)leaf_number(json, "stay_s") * US_PER_S;
    NUMBER(modes, json, slow_down_percent);
    modes->rule_count = json_array_size(rules);
    mode_rule_t *at = config_hold(l, modes->rule_count, sizeof *at);
    modes->rules = at;
    for (size_t i = 0; i < modes->rule_count; i++)
        load_rule(&at[i], json_array_get(rules, i));
}

/* ---- the check ---- */

static void check_of(config_tree_t *tree, json_t *json, json_t *rule, int signal, const node_t *at)
{
    const char *of = json_string_value(json_object_get(rule, "of"));
    bool call = signal == SIGNAL_ERROR_PERCENT || signal == SIGNAL_LIMITED_PERCENT ||
                signal == SIGNAL_LATENCY_MS;
    json_t *limits = json_object_get(json, "limits"),
           *downstreams = json_object_get(json, "downstreams");
    if (!of)
        return;
    if (signal == SIGNAL_SLOTS_PERCENT) {
        json_t *limit = json_object_get(limits, of);
        if (!limit)
            config_complain_name(tree, at, "limit", of, limits);
        else if (!json_object_get(limit, "slots"))
            config_complain(tree, at, "limit %s has no slots; name one that has", of);
    } else if (!call) {
        config_complain(tree, at, "%s is one number for all of Weir; leave of out",
                        signal_name((unsigned)signal));
    } else if (!json_object_get(downstreams, of)) {
        config_complain_name(tree, at, "downstream", of, downstreams);
    }
}

void config_check_modes(config_tree_t *tree, json_t *json)
{
    json_t *rules = json_object_get(json_object_get(json, "modes"), "rules"), *rule;
    size_t i;
    json_array_foreach(rules, i, rule)
    {
        int signal = signal_of(bytes_str(json_string_value(json_object_get(rule, "signal"))));
        long long enter = json_integer_value(json_object_get(rule, "enter")),
                  leave = json_integer_value(json_object_get(rule, "leave"));
        bool low_is_bad = signal == SIGNAL_DISK_FREE_MB;
        if (low_is_bad ? leave <= enter : leave >= enter)
            config_complain(tree, node_at(tree, "modes/rules/%zu/leave", i),
                            "leave (%lld) must be %s enter (%lld): it is where all is calm again",
                            leave, low_is_bad ? "more than" : "less than", enter);
        check_of(tree, json, rule, signal, node_at(tree, "modes/rules/%zu/of", i));
    }
}
