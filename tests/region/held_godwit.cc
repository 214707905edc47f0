// What `godwit up` starts is the program that it is: this is godwit, but its control plane can be
// held inside a step (tests/kills/held_serve.h).
#include "apps/program.h"
#include "tests/kills/held_serve.h"

int main(int argc, char** argv) {
  auto program = godwit::apps::make_program();
  program.host.serve = godwit::handover::run_held_serve;
  return godwit::apps::run_program(program, argc, argv);
}
