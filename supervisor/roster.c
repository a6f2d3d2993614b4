#include "supervisor/roster.h"

static unsigned roster_connections(const config_t *c)
{
    unsigned n = 0;
    for (size_t i = 0; i < c->downstream_count; i++)
        n += c->downstreams[i].connections + config_lists(c, &c->downstreams[i]);
    return n;
}

#define LINK(FROM, TO)
#define ACTOR(KIND, program, how_many, wave, secrets, may, descriptors, meaning)                   \
    static unsigned how_many_##KIND(const config_t *c) { return (void)c, (how_many); }             \
    static unsigned descriptors_##KIND(const config_t *c) { return (void)c, (descriptors); }
#include "supervisor/roster.def"
#undef ACTOR

const roster_entry_t roster[ROSTER_COUNT] = {
#define ACTOR(KIND, program, how_many, wave, secrets, may, descriptors, meaning)                   \
    {ACTOR_##KIND,         program, how_many_##KIND,    wave,                                      \
     SECRETS_OF_##secrets, may,     descriptors_##KIND, meaning},
#include "supervisor/roster.def"
#undef ACTOR
};
#undef LINK

static const struct {
    actor_kind_t from, to;
} links[] = {
#define ACTOR(KIND, program, how_many, wave, secrets, may, descriptors, meaning)
#define LINK(FROM, TO) {ACTOR_##FROM, ACTOR_##TO},
#include "supervisor/roster.def"
#undef ACTOR
#undef LINK
};

const roster_entry_t *roster_find(unsigned actor)
{
    for (size_t i = 0; i < ROSTER_COUNT; i++)
        if (roster[i].actor == actor)
            return &roster[i];
    return NULL;
}

bool roster_needs(unsigned from, unsigned to)
{
    for (size_t i = 0; i < COUNT_OF(links); i++)
        if (links[i].from == from && links[i].to == to)
            return true;
    return false;
}

bool roster_linked(unsigned a, unsigned b) { return roster_needs(a, b) || roster_needs(b, a); }

static void senders(const config_t *c, void (*each)(void *, const char *), void *arg)
{
    for (size_t i = 0; i < c->source_count; i++) {
        if (c->sources[i].secret)
            each(arg, c->sources[i].secret);
        if (c->sources[i].secret_next)
            each(arg, c->sources[i].secret_next);
    }
    if (c->http.tls_certificate) {
        each(arg, c->http.tls_certificate);
        each(arg, c->http.tls_key);
    }
    for (size_t i = 0; i < c->api_key_count; i++) {
        each(arg, c->api_keys[i].secret);
        if (c->api_keys[i].secret_next)
            each(arg, c->api_keys[i].secret_next);
    }
}

static void downstreams(const config_t *c, void (*each)(void *, const char *), void *arg)
{
    for (size_t i = 0; i < c->downstream_count; i++)
        if (c->downstreams[i].secret)
            each(arg, c->downstreams[i].secret);
}

void roster_secrets(const roster_entry_t *entry, const config_t *c,
                    void (*each)(void *arg, const char *name), void *arg)
{
    switch (entry->secrets) {
    case SECRETS_OF_NOBODY:
        break;
    case SECRETS_OF_SENDERS:
        senders(c, each, arg);
        break;
    case SECRETS_OF_DOWNSTREAMS:
        downstreams(c, each, arg);
        break;
    }
}
