#include "actors/actor.h"

int main(int argc, char **argv) { return actor_main(&drainer_spec, argc, argv); }
