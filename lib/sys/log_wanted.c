#include "sys/log_wanted.h"

bool log_wanted(const config_t *config, const route_t *route, const msgid_t *id)
{
    uint64_t chance; /* the last bytes of an id are chance */
    if (route && route->log_full)
        return true;
    memcpy(&chance, id->b + sizeof id->b - sizeof chance, sizeof chance);
    return config->log.sample && chance % config->log.sample == 0;
}
