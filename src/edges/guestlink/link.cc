#include "edges/guestlink/link.h"

#include <sys/random.h>

#include <algorithm>

#include "base/check.h"

namespace godwit::guestlink {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr Duration kTick = milliseconds{100};
constexpr Duration kPingTimeout = std::chrono::seconds{5};

// Ids and sessions are drawn, not counted: the next node's must differ from ours.
std::uint64_t draw() {
  std::uint64_t value = 0;
  CHECK(::getrandom(&value, sizeof value, 0) == ssize_t{sizeof value});
  return std::max<std::uint64_t>(value, 1);
}

// What a guest says is not to be trusted: whoever is root in its container can write to its port.
constexpr std::int64_t kTimeMax = std::int64_t{1} << 61;  // Microseconds: beyond any calendar.
constexpr std::uint64_t kSequenceMax = std::uint64_t{1} << 53;
constexpr std::size_t kWhyMax = 1000;
// Waits for a guest that does not read; it says hello again when that is over.
constexpr std::size_t kOutMax = 4 << 20;

bool plausible(std::int64_t us) { return us > -kTimeMax && us < kTimeMax; }

// A guest that answers with another kind of message has not answered.
bool fits(const frame::Message& request, const frame::Message& answer) {
  if (std::holds_alternative<frame::Ping>(request))
    return std::holds_alternative<frame::Pong>(answer);
  if (std::holds_alternative<frame::SetClock>(request))
    return std::holds_alternative<frame::ClockSet>(answer);
  if (std::holds_alternative<frame::Exec>(request))
    return std::holds_alternative<frame::ExecEnd>(answer);
  return std::holds_alternative<frame::Reply>(answer);
}

std::uint32_t to_ms(Duration d) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, d.count() / 1000));
}

}  // namespace

Link::Link(io::Loop& loop, LinkConfig config, LogStore& log, std::function<Time()> clock,
           std::function<void(const LinkEvent&)> tell)
    : loop_(loop),
      config_(std::move(config)),
      log_(log),
      clock_(std::move(clock)),
      tell_(std::move(tell)),
      changed_(loop) {}

void Link::start() {
  tasks_ = 3;
  loop_.spawn(counted(connect_forever()));
  loop_.spawn(counted(write_forever()));
  loop_.spawn(counted(tick_forever()));
}

io::Task<void> Link::counted(io::Task<void> task) {
  co_await std::move(task);
  --tasks_;
}

void Link::stop() {
  stopping_ = true;
  if (stream_) stream_->close();
  changed_.notify();
}

void Link::break_connection() {
  welcomed_ = false;
  if (stream_) stream_->close();
}

io::Task<bool> Link::wait_connected(Duration timeout) {
  const auto deadline = Steady::now() + timeout;
  while (!welcomed_ && !stopping_ && Steady::now() < deadline) (void)co_await changed_.wait(kTick);
  co_return welcomed_;
}

io::Task<void> Link::connect_forever() {
  while (!stopping_) {
    auto stream = co_await io::Stream::connect_unix(config_.socket);
    if (!stream) {
      co_await io::sleep(kTick);
      continue;
    }
    if (stopping_) co_return;
    stream_.emplace(*std::move(stream));
    say_hello();
    const std::string why = co_await read_until_broken();
    const bool was = std::exchange(welcomed_, false);
    stream_->close();
    // The writer uses the stream until its write has come back.
    while (writing_) (void)co_await changed_.wait(kTick);
    stream_.reset();
    out_.clear();
    decoder_.drop_partial();
    changed_.notify();
    if (was) tell_(Disconnected{why});
    co_await io::sleep(kTick);
  }
}

io::Task<std::string> Link::read_until_broken() {
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    const auto n = co_await stream_->read_some(buffer);
    if (!n) co_return n.error().message;
    if (*n == 0) co_return "end of stream";
    for (const frame::Frame& f : decoder_.feed({buffer.data(), *n})) receive(f);
    keep_lines();
  }
}

io::Task<void> Link::write_forever() {
  while (!stopping_) {
    if (!stream_ || out_.empty()) {
      (void)co_await changed_.wait(std::chrono::seconds{1});
      continue;
    }
    writing_ = true;
    const Status written = co_await stream_->write_all(std::exchange(out_, {}));
    writing_ = false;
    if (!written) {
      stream_->close();  // The reader sees it and starts anew.
      (void)co_await changed_.wait(kTick);
    }
    changed_.notify();
  }
}

io::Task<void> Link::tick_forever() {
  while (!stopping_) {
    co_await io::sleep(kTick);
    if (!stream_ || stopping_) continue;
    const auto now = Steady::now();
    if (welcomed_ && now - heard_at_ > config_.silence_after) stream_->close();
    if ((!welcomed_ || log_failed_) && now - hello_at_ > config_.hello_every) say_hello();
  }
}

void Link::say_hello() {
  log_failed_ = false;
  welcomed_ = false;
  hello_at_ = Steady::now();
  const frame::Hello hello{.session = draw()};
  order_.begin(hello.session);
  sequence_ = 0;
  out_ += frame::encode({hello.session, sequence_++, frame::encode_message(hello)});
  changed_.notify();
}

void Link::send(const frame::Message& message) {
  if (!welcomed_) return;
  if (out_.size() > kOutMax) return break_connection();
  out_ += frame::encode({order_.session(), sequence_++, frame::encode_message(message)});
  changed_.notify();
}

void Link::receive(const frame::Frame& f) {
  const frame::Verdict verdict = order_.check(f);
  if (verdict == frame::Verdict::kStale) return;
  if (verdict == frame::Verdict::kGap) {
    if (welcomed_) say_hello();
    return;
  }
  heard_at_ = Steady::now();
  const auto message = frame::decode_message(f.payload);
  if (!message) return;  // A newer init says more than we know.
  std::visit(
      [this](const auto& m) {
        if constexpr (requires { on(m); }) on(m);
      },
      *message);
}

void Link::on(const frame::Welcome& welcome) {
  if (welcomed_) return;
  welcomed_ = true;
  boot_ = welcome.boot;
  take_state(welcome.state);
  if (const Status begun = log_.begin_boot(boot_); !begun) {
    log_failed_ = true;
    tell_(LogFailed{begun.error()});
  }
  for (auto& [id, pending] : pending_) {
    if (pending.answer) continue;
    if (auto* exec = std::get_if<frame::Exec>(&pending.request)) exec->have = pending.have;
    // An old time would make the guest's clock look ahead.
    if (auto* set = std::get_if<frame::SetClock>(&pending.request))
      set->time_us = now().time_since_epoch().count();
    send(pending.request);
  }
  changed_.notify();
  tell_(Connected{boot_});
  tell_(StateChanged{state_});
}

void Link::on(const frame::Resync&) { say_hello(); }

void Link::on(const frame::Pong& pong) {
  if (plausible(pong.time_us)) answer(pong.id, pong);
}

void Link::on(const frame::ClockSet& set) {
  if (plausible(set.behind_us) && plausible(set.stepped_us)) answer(set.id, set);
}

void Link::on(const frame::Reply& reply) { answer(reply.id, reply); }

void Link::on(const frame::ExecOutput& output) {
  const auto found = pending_.find(output.id);
  if (found == pending_.end() || output.offset != found->second.have) return;
  Pending& pending = found->second;
  if (pending.answer || output.bytes.size() > frame::kMaxExecOutput - pending.have) return;
  (output.stream == 1 ? pending.exec.out : pending.exec.err) += output.bytes;
  pending.have += output.bytes.size();
}

void Link::on(const frame::ExecEnd& end) { answer(end.id, end); }

void Link::on(const frame::LogLine& line) {
  if (line.sequence > kSequenceMax) return;
  lines_.push_back(line);
  if (!plausible(line.time_us)) lines_.back().time_us = 0;
}

void Link::take_state(const frame::State& state) {
  state_ = state;
  state_.why.resize(std::min(state_.why.size(), kWhyMax));
}

void Link::on(const frame::State& state) {
  take_state(state);
  changed_.notify();
  tell_(StateChanged{state_});
}

void Link::answer(frame::Id id, frame::Message message) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second.answer || !fits(found->second.request, message))
    return;
  found->second.answer = std::move(message);
  found->second.answered_at = now();
  changed_.notify();
}

void Link::keep_lines() {
  if (stopping_) lines_.clear();  // The guest sends them again, to whoever has it now.
  if (lines_.empty()) return;
  // After a failure the lines that follow would leave a hole: they come again after the next hello.
  if (!log_failed_) {
    const Status kept = log_.append(lines_);
    if (kept) {
      send(frame::LogAck{lines_.back().sequence});
    } else {
      log_failed_ = true;
      tell_(LogFailed{kept.error()});
    }
  }
  lines_.clear();
}

io::Task<Result<Link::Pending>> Link::ask(frame::Id id, frame::Message request, Duration timeout) {
  const std::size_t bytes = frame::encode_message(request).size();
  if (bytes > frame::kMaxPayload)
    co_return invalid(std::format("request of {} bytes, at most {}", bytes, frame::kMaxPayload));
  pending_[id].request = request;
  send(request);
  const auto deadline = Steady::now() + timeout;
  while (!pending_[id].answer && !stopping_ && Steady::now() < deadline) {
    const auto left = duration_cast<Duration>(deadline - Steady::now());
    (void)co_await changed_.wait(std::clamp(left, Duration{0}, Duration{std::chrono::seconds{1}}));
  }
  Pending pending = std::move(pending_[id]);
  pending_.erase(id);
  if (pending.answer) co_return pending;
  if (stopping_) co_return fail(Code::kAborted, "guest link stopped");
  co_return fail(Code::kDeadlineExceeded,
                 std::format("no answer from the guest in {} ms{}", to_ms(timeout),
                             welcomed_ ? "" : ", not connected"));
}

io::Task<Status> Link::ask_plainly(frame::Id id, frame::Message request) {
  CO_ASSIGN_OR_RETURN(const Pending done, co_await ask(id, request, config_.request_timeout));
  const auto* reply = std::get_if<frame::Reply>(&*done.answer);
  if (reply && !reply->error.empty()) co_return precondition("guest: " + reply->error);
  co_return Status{};
}

io::Task<Status> Link::start_container(frame::Start request) {
  request.id = draw();
  co_return co_await ask_plainly(request.id, request);
}

io::Task<Status> Link::signal(int number) {
  const frame::Id id = draw();
  co_return co_await ask_plainly(id, frame::Signal{id, number});
}

io::Task<Status> Link::stop_container(Duration grace) {
  const frame::Id id = draw();
  co_return co_await ask_plainly(id, frame::Stop{id, to_ms(grace)});
}

io::Task<Status> Link::power_off() {
  const frame::Id id = draw();
  co_return co_await ask_plainly(id, frame::PowerOff{id});
}

io::Task<Result<ExecResult>> Link::exec(frame::Program program, Duration timeout) {
  const frame::Exec request{draw(), std::move(program), to_ms(timeout), 0};
  // A program without a limit is waited for as long as it runs.
  const Duration wait =
      timeout.count() > 0 ? timeout + config_.request_timeout : Duration{std::chrono::hours{24}};
  CO_ASSIGN_OR_RETURN(Pending done, co_await ask(request.id, request, wait));
  ExecResult result = std::move(done.exec);
  if (const auto* end = std::get_if<frame::ExecEnd>(&*done.answer)) {
    result.exit_status = end->exit_status;
    result.signal = end->signal;
    result.dropped = end->dropped;
    result.error = end->error;
  }
  co_return result;
}

io::Task<Result<ClockReading>> Link::measure_clock(int pings) {
  std::optional<ClockReading> best;
  std::string why = "no pings";
  for (int i = 0; i < pings; ++i) {
    const frame::Id id = draw();
    const Time sent = now();
    const auto done = co_await ask(id, frame::Ping{id}, kPingTimeout);
    if (!done) {
      why = done.error().message;
      if (!welcomed_) break;
      continue;
    }
    const Time guest{Duration{std::get<frame::Pong>(*done->answer).time_us}};
    const Duration trip = done->answered_at - sent;
    if (!best || trip < best->round_trip) best = ClockReading{guest - (sent + trip / 2), trip};
  }
  if (!best) co_return unavailable("measure the guest's clock: " + why);
  co_return *best;
}

io::Task<Result<frame::ClockSet>> Link::set_clock() {
  // The message takes about half of the shortest round trip; the rest of the way it is late, so
  // that the guest is never set beyond our time by more than that.
  CO_ASSIGN_OR_RETURN(const ClockReading reading, co_await measure_clock(5));
  const frame::Id id = draw();
  const frame::SetClock request{id, (now() + reading.round_trip / 2).time_since_epoch().count()};
  CO_ASSIGN_OR_RETURN(const Pending done, co_await ask(id, request, config_.request_timeout));
  co_return std::get<frame::ClockSet>(*done.answer);
}

}  // namespace godwit::guestlink
