// What people ask of a guest: that it is gone, its log, a program in it.
#include <algorithm>
#include <charconv>
#include <format>
#include <utility>

#include "agent/guest.h"

namespace godwit::agent {
namespace {

// Of one answer: it travels as one message, beside those that guests' moves wait for.
constexpr std::uint32_t kLinesMax = 1000;
constexpr std::size_t kBytesMax = 512 * 1024;

std::uint64_t number_of(const std::string& id) {
  std::uint64_t number = 0;
  std::from_chars(id.data(), id.data() + id.size(), number);
  return number;
}

void shorten(std::string& output, std::uint64_t& dropped) {
  if (output.size() <= kBytesMax) return;
  dropped += output.size() - kBytesMax;
  output.resize(kBytesMax);
}

}  // namespace

// --- Deletion: the rows are "forget"; the answer comes from the table, also when asked again.

void Guest::forgotten(std::uint32_t generation, Step& step) {
  mail(ports::kControl, ports::Forgotten{generation}, step);
  // A late wish may find the next guest of this name.
  if (state_.place != migration::Place::kIdle || state_.record.set.bits != 0) return;
  step.commands.push_back(Tell{id_, ports::RemoveLog{}});
  if (!machine_.address.empty()) step.commands.push_back(RemoveRoute{id_, machine_.address});
  step.commands.push_back(RemoveTap{id_});
}

// --- Its log, and programs beside its container

void Guest::read_log(const ports::LogsWanted& wanted, Step& step) const {
  const std::uint32_t lines = wanted.limit == 0 ? kLinesMax : std::min(wanted.limit, kLinesMax);
  step.commands.push_back(Tell{id_, ports::ReadLog{wanted.request, wanted.from, lines, kBytesMax}});
}

void Guest::exec(const ports::ExecWanted& wanted, Step& step) {
  if (execs_.contains(wanted.request)) return;  // Once, however often it arrives.
  if (!ran_at() || !container_)
    return mail(ports::kControl,
                ports::ExecDone{.request = wanted.request,
                                .error = container_ ? "the guest does not run here"
                                                    : "the guest has no container"},
                step);
  execs_.insert(wanted.request);
  step.commands.push_back(Tell{id_, ports::Exec{.id = std::to_string(wanted.request),
                                                .argv = wanted.argv,
                                                .env = container_->env,
                                                .cwd = container_->cwd,
                                                .uid = container_->uid,
                                                .gid = container_->gid,
                                                .timeout_ms = wanted.timeout_ms}});
}

bool Guest::answer_asked(const ports::GuestAnswer& answer, Step& step) {
  if (const auto* read = std::get_if<ports::LogRead>(&answer)) {
    const auto& state = inside_.container();
    const bool over = state && state->phase == ports::ContainerPhase::kEnded && !read->more;
    mail(ports::kControl, ports::LogsRead{read->id, read->lines, read->next, over, read->error},
         step);
    return true;
  }
  const auto* ran = std::get_if<ports::Executed>(&answer);
  const auto* failed = std::get_if<ports::GuestFailed>(&answer);
  if (!ran && (!failed || failed->exec_id.empty())) return false;
  const std::uint64_t request = number_of(ran ? ran->id : failed->exec_id);
  if (execs_.erase(request) == 0) return true;  // Given up already.
  ports::ExecDone done{.request = request};
  if (failed) done.error = to_string(failed->error);
  if (ran) {
    done = {request, ran->exit_status, ran->signal, ran->out, ran->err, ran->dropped, ran->error};
    shorten(done.out, done.dropped);
    shorten(done.err, done.dropped);
  }
  mail(ports::kControl, std::move(done), step);
  return true;
}

// Detached: what was under way is not answered any more.
void Guest::give_up_execs(Step& step) {
  for (const std::uint64_t request : std::exchange(execs_, {}))
    mail(ports::kControl,
         ports::ExecDone{.request = request,
                         .error = "the guest left this node; the program may run on in it"},
         step);
}

}  // namespace godwit::agent
