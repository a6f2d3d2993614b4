#include "cli.h"

int main(int argc, char **argv)
{
    cli_t cli;
    int code = cli_read(argc, argv, &cli);
    return cli_end(code >= 0 ? code : cli.command->run(&cli));
}
