// Where the machine of what is inside the guest meets the right to run it: it hears, and says
// nothing back.
#include "agent/guest.h"

namespace godwit::agent {

using migration::On;
using migration::Place;

void Guest::follow_inside(Place before, On on, Step& step) {
  switch (state_.place) {
    case Place::kStill:
      if (on == On::kRan || on == On::kFoundRunning) inside_.resumed(container_, step);
      return;
    case Place::kPrecopy:
    case Place::kStopped:
    case Place::kResuming:
    case Place::kTaken:
      return;  // As it was: it runs here, or is about to, or never left.
    default:
      inside_.left(step);
      give_up_execs(step);
  }
  if (before == Place::kGranted) send_logs(step);
}

// Idle, and the newest epoch is above what ran here: it was given away and accepted.
void Guest::send_logs(Step& step) const {
  const migration::Record& r = state_.record;
  const bool gave = r.role == migration::Role::kIdle && r.epoch > r.held;
  if (container_ && gave && r.to != migration::kNoNode) inside_.went(names_.name(r.to), step);
}

void Guest::on_inside(const ports::GuestAnswer& answer, Time now, Step& step) {
  if (answer_asked(answer, step)) return;
  inside_.on_answer(answer, config_.self, now, step);
}

}  // namespace godwit::agent
