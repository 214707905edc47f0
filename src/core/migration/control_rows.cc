// The shipped table of the control plane. Rows are tried in order; the first that fits is taken.
#include "core/migration/takeover.h"

namespace godwit::migration {
namespace {

template <class... K>
constexpr std::uint32_t of(K... kinds) {
  return ((1U << static_cast<unsigned>(kinds)) | ...);
}

using enum Generation;
using G = ControlGuard;
using D = ControlDo;

constexpr std::uint32_t kBorn = of(kOrder, kTakeover, kTaken);

const ControlRow kControl[] = {
    // A guest's birth is a taking from nobody.
    {"control.none.create",
     of(kNone),
     Ask::kCreate,
     {G::kNodeInSet},
     {D::kNextGeneration, D::kAdoptSet, D::kGrowReach, D::kTakeNone, D::kWriteRow, D::kSendTake}},
    {"control.any.report", kBorn, Ask::kReport, {G::kReportNewer}, {D::kKeepReport, D::kWriteRow}},
    // The reach grows in the same write that makes the order exist: before anybody can act on it.
    {"control.order.order",
     of(kOrder, kTaken),
     Ask::kOrder,
     {G::kNodeIsHolder},
     {D::kNextGeneration, D::kBecomeOrder, D::kAdoptSet, D::kGrowReach, D::kWriteRow,
      D::kSendOrder}},
    {"control.order.repeat", of(kOrder), Ask::kRepeat, {G::kReportBehind}, {D::kSendOrder}},
    {"control.any.takeover",
     kBorn,
     Ask::kTakeover,
     {},
     {D::kNextGeneration, D::kBecomeTakeover, D::kAdoptSet, D::kGrowReach, D::kWriteRow,
      D::kSendSeal}},
    // It lives. The order also reopens the nodes that have sealed.
    {"control.takeover.holder_lives",
     of(kTakeover),
     Ask::kAnswers,
     {G::kSomeoneHolds},
     {D::kNextGeneration, D::kBecomeOrder, D::kWriteRow, D::kSendOrder}},
    // Proof that a granted epoch ran: its grantor discards, and then can promise.
    {"control.takeover.proof", of(kTakeover), Ask::kAnswers, {G::kPendProven}, {D::kSendAck}},
    // Everybody else promised or is dead: the granted epoch will never run. Its grantor may still
    // get a refusal and resume, so nobody but itself may be told to take.
    {"control.takeover.take_pend",
     of(kTakeover),
     Ask::kAnswers,
     {G::kAccounted, G::kOnePend, G::kVaultFenced},
     {D::kTakePend, D::kAddTakerToSet, D::kWriteRow, D::kSendTake}},
    {"control.takeover.take_spare",
     of(kTakeover),
     Ask::kAnswers,
     {G::kAccounted, G::kNoPend, G::kVaultFenced, G::kCopyAtNode},
     {D::kTakeSpare, D::kAddTakerToSet, D::kWriteRow, D::kSendTake}},
    {"control.takeover.take_vault",
     of(kTakeover),
     Ask::kAnswers,
     {G::kAccounted, G::kNoPend, G::kVaultFenced, G::kCopyInVault, G::kNodePromised},
     {D::kTakeVault, D::kWriteRow, D::kSendTake}},
    // Memory is gone everywhere: a cold start, the only place where one is decided.
    {"control.takeover.take_none",
     of(kTakeover),
     Ask::kAnswers,
     {G::kAccounted, G::kNoPend, G::kVaultFenced, G::kNoCopy, G::kNodePromised},
     {D::kTakeNone, D::kWriteRow, D::kSendTake}},
    {"control.takeover.repeat", of(kTakeover), Ask::kRepeat, {}, {D::kSendSeal}},
    {"control.taken.repeat", of(kTaken), Ask::kRepeat, {G::kReportBehind}, {D::kSendTake}},
    // Asked only once the holder has adopted this generation: it passes on inside its set alone.
    {"control.any.ask_clear",
     of(kOrder, kTaken),
     Ask::kClear,
     {G::kReportAtGeneration, G::kNotHolder, G::kNotInSet},
     {D::kSendAskClear}},
    {"control.any.shrink",
     of(kOrder, kTaken),
     Ask::kShrink,
     {G::kReportAtGeneration, G::kNotHolder, G::kNotInSet, G::kClearOrDead},
     {D::kLeaveReach, D::kWriteRow}},
};

}  // namespace

const std::vector<ControlRow>& control_rows() {
  static const std::vector<ControlRow> rows(std::begin(kControl), std::end(kControl));
  return rows;
}

}  // namespace godwit::migration
