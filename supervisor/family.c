#include "supervisor/family.h"

#include <stdio.h>

void family_init(family_t *f, const config_t *c, instant_t now)
{
    f->count = 0;
    for (size_t i = 0; i < ROSTER_COUNT; i++)
        for (unsigned n = 0; n < roster[i].how_many(c); n++) {
            must(f->count < ROSTER_INSTANCES_MAX);
            child_init(&f->children[f->count++], roster[i].actor, (uint16_t)n, now);
        }
}

static bool is_in_office(const child_t *c) { return c->role == CHILD_IN_OFFICE; }

child_t *family_find(family_t *f, unsigned actor, unsigned instance)
{
    for (size_t i = 0; i < f->count; i++) {
        child_t *c = &f->children[i];
        if (is_in_office(c) && c->actor == actor && c->instance == instance)
            return c;
    }
    return NULL;
}

child_t *family_of_life(family_t *f, uint64_t generation)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->children[i].pid != 0 && f->children[i].generation == generation)
            return &f->children[i];
    return NULL;
}

bool family_has_process(const family_t *f, int pid)
{
    for (size_t i = 0; i < f->count; i++)
        if (pid > 0 && f->children[i].pid == pid)
            return true;
    return false;
}

child_t *family_claim(family_t *f, unsigned actor, unsigned instance, instant_t now)
{
    size_t place = 0;
    while (place < f->count && f->children[place].role != CHILD_NOBODY)
        place++;
    if (place == FAMILY_MAX)
        return NULL;
    if (place == f->count)
        f->count++;
    child_t *c = &f->children[place];
    child_init(c, (actor_kind_t)actor, (uint16_t)instance, now);
    c->role = CHILD_SUCCESSOR;
    return c;
}

void family_release(family_t *f, child_t *child)
{
    must(child >= f->children && child < f->children + f->count);
    must(!is_in_office(child) && child->pid == 0);
    child->role = CHILD_NOBODY;
    child->state = CHILD_DOWN;
    child->due = INSTANT_NEVER;
}

bool family_has_room(const family_t *f, unsigned actor, unsigned more)
{
    unsigned retire = 0;
    for (size_t i = 0; i < f->count; i++)
        retire += f->children[i].role == CHILD_RETIREE && f->children[i].actor == actor;
    return retire + more <= (more > RETIREES_MAX ? more : RETIREES_MAX);
}

size_t family_ready_count(const family_t *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += is_in_office(&f->children[i]) && f->children[i].state == CHILD_READY;
    return n;
}

static size_t office_count(const family_t *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += is_in_office(&f->children[i]);
    return n;
}

bool family_is_ready(const family_t *f) { return family_ready_count(f) == office_count(f); }

static bool has_ready(const family_t *f, unsigned actor)
{
    for (size_t i = 0; i < f->count; i++)
        if (is_in_office(&f->children[i]) && f->children[i].actor == actor &&
            f->children[i].state == CHILD_READY)
            return true;
    return false;
}

bool family_serves(const family_t *f, const child_t *child)
{
    for (size_t i = 0; i < ROSTER_COUNT; i++)
        if (roster_needs(child->actor, roster[i].actor) && !has_ready(f, roster[i].actor))
            return false;
    return true;
}

bool family_wave_is_down(const family_t *f, unsigned wave)
{
    for (size_t i = 0; i < f->count; i++) {
        bool meant = wave == 0 || roster_find(f->children[i].actor)->wave == wave;
        if (meant && f->children[i].state != CHILD_DOWN)
            return false;
    }
    return true;
}

bool family_means(const child_t *child, const char *name)
{
    return strcmp(child->name, name) == 0 || strcmp(actor_name(child->actor), name) == 0;
}

static life_t life_of(const child_t *c)
{
    return instant_is_never(c->ready_at) ? LIFE_STARTING : LIFE_READY;
}

size_t family_peers(const family_t *f, const child_t *viewer, msg_peers_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++) {
        const child_t *c = &f->children[i];
        if (c->pid == 0 || (c != viewer && !roster_linked(viewer->actor, c->actor)))
            continue;
        out[n++] = (msg_peers_t){.actor = c->actor,
                                 .instance = c->instance,
                                 .generation = c->generation,
                                 .life = life_of(c),
                                 .whole = 1};
    }
    return n;
}

void family_summary(const family_t *f, char *out, size_t size)
{
    size_t ready = family_ready_count(f), all = office_count(f), used;
    if (ready == all) {
        snprintf(out, size, "%zu actors ready", ready);
        return;
    }
    used = (size_t)snprintf(out, size, "%zu of %zu actors ready", ready, all);
    for (size_t i = 0; i < f->count && used < size; i++) {
        const child_t *c = &f->children[i];
        if (is_in_office(c) && c->state != CHILD_READY)
            used += (size_t)snprintf(out + used, size - used, "; %s %s", c->name,
                                     child_state_name(c->state));
    }
}
