/* Any body as an order about leases: what is taken is within its bounds and names limits that there
 * are; ids of paths come back from what is written for them. */
#include <stdlib.h>

#include "actors/ingress/lease_read.h"
#include "core/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static limit_t limits[] = {{.name = "calls"},
                           {.name = "campaign", .per = {"campaign"}, .per_count = 1}};

static void check_body(bytes_t text)
{
    const config_t config = {.limits = limits, .limit_count = COUNT_OF(limits)};
    json_t *json = json_text_parse(text, NULL);
    for (int kind = 0; json && kind < 3; kind++) {
        lease_wanted_t w;
        lease_doubt_t why;
        bool good = kind == 0   ? lease_read(&config, json, LEASE_ACQUIRE, &w, &why)
                    : kind == 1 ? lease_read(&config, json, LEASE_RENEW, &w, &why)
                                : lease_read_element(&config, json, &w, &why);
        must(good || why.problem.kind == PROBLEM_UNPROCESSABLE);
        must(!good || (w.order == LEASE_ACQUIRE) == (w.text_len > 0));
        must(!good || !w.text_len || (w.text_len <= sizeof w.text && w.limit_count > 0));
        for (size_t i = 0; good && i < w.limit_count; i++)
            must(w.limits[i] < COUNT_OF(limits));
    }
    json_decref(json);
}

static void check_id(bytes_t text)
{
    lease_wanted_t w, again;
    char path[3 * LEASE_NAME_BYTES_MAX + 1];
    if (!lease_id_of_path(text, &w))
        return;
    lease_id_to_path(bytes_of(w.id, w.id_len), path);
    must(lease_id_of_path(bytes_str(path), &again));
    must(again.id_len == w.id_len && memcmp(again.id, w.id, w.id_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_body(bytes_of(data, size));
    check_id(bytes_of(data, size));
    return 0;
}
