#include "core/answer.h"

#include "core/retry_after.h"

static outcome_t of_status(unsigned status)
{
    if (status >= 200 && status <= 299)
        return OUTCOME_OK;
    if (status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599))
        return OUTCOME_RETRY;
    return OUTCOME_FAIL;
}

static answer_judged_t of_answer(const answer_seen_t *seen, wall_t now)
{
    answer_judged_t judged = {.outcome = of_status(seen->status)};
    uint64_t wait_ms;
    if (judged.outcome != OUTCOME_RETRY || !retry_after_parse(seen->retry_after, now, &wait_ms))
        return judged;
    judged.retry_after_ms = (uint32_t)wait_ms;
    if (seen->status == 429 || seen->status == 503)
        judged.outcome = OUTCOME_DEFER;
    return judged;
}

answer_judged_t answer_judge(const answer_seen_t *seen, wall_t now)
{
    switch (seen->end) {
    case SEEN_ANSWER:
        return of_answer(seen, now);
    case SEEN_FAILURE:
        return (answer_judged_t){.outcome = seen->wrote ? OUTCOME_UNKNOWN : OUTCOME_RETRY};
    case SEEN_LATE:
        return (answer_judged_t){.outcome = OUTCOME_UNBEGUN};
    case SEEN_CANCELLED:
        return (answer_judged_t){.outcome = seen->wrote ? OUTCOME_UNKNOWN : OUTCOME_UNBEGUN};
    }
    must(false);
}
