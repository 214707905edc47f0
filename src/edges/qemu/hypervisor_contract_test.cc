// The port's contract, on real QEMUs under TCG. Skipped where there is no QEMU.
#include "ports/hypervisor_contract.h"

#include "edges/qemu/real_rig_test.h"

namespace godwit::ports {

INSTANTIATE_TYPED_TEST_SUITE_P(Qemu, HypervisorContract, qemu::RealRig);

}  // namespace godwit::ports
