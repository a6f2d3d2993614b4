#include "supervisor/supervisor.h"

int main(int argc, char **argv)
{
    static supervisor_t supervisor;
    options_t options;
    int code = options_read(argc, argv, &options);
    if (code >= 0)
        return code;
    code = supervisor_open(&supervisor, &options);
    if (code == EXIT_ASKED)
        code = supervisor_run(&supervisor);
    supervisor_close(&supervisor);
    return code;
}
