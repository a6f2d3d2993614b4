#include "actors/actor.h"

int main(int argc, char **argv) { return actor_main(&classifier_spec, argc, argv); }
