// godwit-cloud CONFIG.json: a cloud on this host. godwit-cloud ctl ...: the operator's hand.
#include "apps/cloud_wiring.h"

int main(int argc, char** argv) { return godwit::apps::run_cloud({argv + 1, argv + argc}); }
