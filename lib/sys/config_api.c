/* config_api.c: API keys of the configuration: what must fit together, and the checked form as
 * data. */
#include "sys/config_check.h"
#include "sys/config_load.h"

/* ---- checking ---- */

static void check_named(config_tree_t *tree, const node_t *at, json_t *json, const scope_t *scope)
{
    if (strcmp(scope->of, "*") == 0)
        return;
    json_t *source = json_object_get(json_object_get(json, "sources"), scope->of);
    const char *auth = json_string_value(json_object_get(source, "auth"));
    if (scope->kind == SCOPE_SUBMIT && !source)
        config_complain(tree, at, "there is no source %.64s; submit:* stands for all", scope->of);
    else if (scope->kind == SCOPE_SUBMIT && strcmp(auth, "api-key") != 0)
        config_complain(tree, at,
                        "source %.64s has auth %s and takes no API key; give it  auth: "
                        "api-key",
                        scope->of, auth);
    if (scope->kind == SCOPE_LEASES && !json_object_get(json_object_get(json, "limits"), scope->of))
        config_complain(tree, at, "there is no limit %.64s; leases:* stands for all", scope->of);
}

static void check_scopes(config_tree_t *tree, json_t *json, const char *name, json_t *key)
{
    json_t *text;
    size_t i;
    json_array_foreach(json_object_get(key, "scopes"), i, text)
    {
        scope_t scope;
        const node_t *at = node_at(tree, "api_keys/%s/scopes/%zu", name, i);
        if (!scope_read(json_string_value(text), &scope))
            config_complain(tree, at,
                            "%.64s is no scope; one of submit:SOURCE, read, read:bodies, "
                            "leases:LIMIT, admin, metrics",
                            json_string_value(text));
        else if (scope.of)
            check_named(tree, at, json, &scope);
    }
}

/* Whoever bears a secret is the key of that name: two names for one secret cannot be told apart. */
static void check_secret(config_tree_t *tree, json_t *keys, const char *name, const char *leaf)
{
    static const char *const leaves[] = {"secret", "secret_next"};
    json_t *own = json_object_get(json_object_get(keys, name), leaf), *key;
    const char *other;
    json_object_foreach(keys, other, key)
    {
        for (size_t i = 0; own && i < COUNT_OF(leaves); i++)
            if ((strcmp(other, name) != 0 || strcmp(leaves[i], leaf) != 0) &&
                json_equal(own, json_object_get(key, leaves[i]))) {
                config_complain(tree, node_at(tree, "api_keys/%s/%s", name, leaf),
                                "%s is also the %s of key %.64s; each needs one of its own",
                                json_string_value(own), leaves[i], other);
                return;
            }
    }
}

static bool may_submit(json_t *keys, const char *source)
{
    const char *name;
    json_t *key, *text;
    size_t i;
    scope_t scope;
    json_object_foreach(keys, name, key)
    {
        json_array_foreach(json_object_get(key, "scopes"), i, text)
        {
            if (scope_read(json_string_value(text), &scope) && scope.kind == SCOPE_SUBMIT &&
                (strcmp(scope.of, "*") == 0 || strcmp(scope.of, source) == 0))
                return true;
        }
    }
    return false;
}

/* A source that believes API keys needs one. */
static void check_sources(config_tree_t *tree, json_t *json, json_t *keys)
{
    const char *name;
    json_t *source;
    json_object_foreach(json_object_get(json, "sources"), name, source)
    {
        if (strcmp(json_string_value(json_object_get(source, "auth")), "api-key") == 0 &&
            !may_submit(keys, name))
            config_complain(tree, node_at(tree, "sources/%s/auth", name),
                            "no key of api_keys may send for it: give one the scope submit:%s",
                            name);
    }
}

void config_check_api_keys(config_tree_t *tree, json_t *json)
{
    const char *name;
    json_t *keys = json_object_get(json, "api_keys"), *key;
    json_object_foreach(keys, name, key)
    {
        check_scopes(tree, json, name, key);
        check_secret(tree, keys, name, "secret");
        check_secret(tree, keys, name, "secret_next");
    }
    check_sources(tree, json, keys);
}

/* ---- loading ---- */

static void load_scopes(loading_t *l, api_key_t *to, json_t *texts)
{
    to->scope_count = json_array_size(texts);
    to->scopes = config_hold(l, to->scope_count, sizeof *to->scopes);
    for (size_t i = 0; i < to->scope_count; i++)
        must(scope_read(json_string_value(json_array_get(texts, i)), &to->scopes[i]));
}

/* http.api_token is a key that may read. */
static void load_token(loading_t *l, api_key_t *to, const char *secret)
{
    *to = (api_key_t){.name = API_TOKEN_NAME, .secret = secret, .scope_count = 1};
    to->scopes = config_hold(l, 1, sizeof *to->scopes);
    to->scopes[0] = (scope_t){.kind = SCOPE_READ_BODIES};
}

void load_api_keys(loading_t *l, json_t *json, const char *token)
{
    config_t *c = l->config;
    const char *name;
    json_t *key;
    api_key_t *at = c->api_keys = config_hold(l, json_object_size(json) + 1, sizeof *at);
    json_object_foreach(json, name, key)
    {
        at->name = name;
        at->secret = leaf_word(key, "secret");
        at->secret_next = leaf_text(key, "secret_next");
        load_scopes(l, at++, json_object_get(key, "scopes"));
    }
    if (token)
        load_token(l, at++, token);
    c->api_key_count = (size_t)(at - c->api_keys);
}
