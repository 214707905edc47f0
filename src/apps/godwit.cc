// godwit: the whole product by its verbs.
#include "apps/program.h"

int main(int argc, char** argv) {
  return godwit::apps::run_program(godwit::apps::make_program(), argc, argv);
}
