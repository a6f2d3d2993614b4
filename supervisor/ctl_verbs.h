/* ctl_verbs.h: ctl_verbs.def as data, for the supervisor and for weirctl. */
#ifndef WEIR_SUPERVISOR_CTL_VERBS_H
#define WEIR_SUPERVISOR_CTL_VERBS_H

#include "core/base.h"

#define CTL_LINE_MAX (64u << 10) /* a request with its newline */
#define CTL_ANSWER_MAX                                                                             \
    ((1u << 20) + (64u << 10)) /* an answer: an actor's, and what is put around it */
#define CTL_NAME_MAX 64
#define CTL_TEXT_MAX 512
#define CTL_ARGS_MAX 10

enum ctl_permission { CTL_NOBODY, CTL_VIEWER, CTL_OPERATOR, CTL_ADMIN };
enum ctl_answerer { CTL_SELF, CTL_LIMITER, CTL_DRAINER, CTL_BY_ID, CTL_TOOL };
enum ctl_kind {
    CTL_MESSAGE,
    CTL_NAME,
    CTL_TEXT,
    CTL_NUMBER,
    CTL_SECONDS,
    CTL_FLAG,
    CTL_ROUTE,
    CTL_LIMIT,
    CTL_ACTOR,
    CTL_DOWNSTREAM,
    CTL_STATE,
    CTL_MODE,
    CTL_EVENT,
    CTL_FILE,
    CTL_DIRECTORY,
};
enum ctl_need {
    CTL_PLACE,
    CTL_PLACE_OPTIONAL,
    CTL_OPTION,
    CTL_HERE_PLACE,
    CTL_HERE_OPTIONAL,
    CTL_HERE,
    CTL_REST,
};

enum ctl_verb_id {
#define VERB(ID, name, permission, answerer, effect, meaning, example) CTL_VERB_##ID,
#define ARG(ID, name, kind, need, meaning)
#define END(ID)
#include "supervisor/ctl_verbs.def"
#undef VERB
#undef ARG
#undef END
    CTL_VERB_COUNT
};

typedef struct ctl_arg {
    const char *name; /* NULL: no more */
    enum ctl_kind kind;
    enum ctl_need need;
    const char *meaning;
} ctl_arg_t;
typedef struct ctl_verb {
    enum ctl_verb_id id;
    const char *name;
    enum ctl_permission permission;
    enum ctl_answerer answerer;
    bool changes;
    const char *meaning, *example;
    ctl_arg_t args[CTL_ARGS_MAX + 1];
} ctl_verb_t;

#define CTL_LOOKS false
#define CTL_CHANGES true
static const ctl_verb_t ctl_verbs[CTL_VERB_COUNT] = {
#define VERB(ID, name, permission, answerer, effect, meaning, example)                             \
    {                                                                                              \
        CTL_VERB_##ID, name, CTL_##permission, CTL_##answerer, CTL_##effect, meaning, example,     \
        {
#define ARG(ID, name, kind, need, meaning) {#name, CTL_##kind, CTL_##need, meaning},
#define END(ID)                                                                                    \
    {                                                                                              \
        NULL                                                                                       \
    }                                                                                              \
    }                                                                                              \
    }                                                                                              \
    ,
#include "supervisor/ctl_verbs.def"
#undef VERB
#undef ARG
#undef END
};

/* It goes to Weir with the request; the others are weirctl's own. */
static inline bool ctl_arg_is_sent(const ctl_arg_t *arg) { return arg->need <= CTL_OPTION; }
static inline bool ctl_arg_is_option(const ctl_arg_t *arg)
{
    return arg->need == CTL_OPTION || arg->need == CTL_HERE;
}

static inline const ctl_verb_t *ctl_verb_find(const char *name)
{
    for (size_t i = 0; i < CTL_VERB_COUNT; i++)
        if (strcmp(ctl_verbs[i].name, name) == 0)
            return &ctl_verbs[i];
    return NULL;
}

#endif
