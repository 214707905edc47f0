#include "edges/qemu/qmp.h"

#include <chrono>
#include <variant>

namespace godwit::qemu {
namespace {

using Clock = std::chrono::steady_clock;

Duration until(Clock::time_point deadline) {
  return std::chrono::duration_cast<Duration>(deadline - Clock::now());
}

Error qmp_error(const json::Value& error) {
  const std::string kind = error["class"].text();
  Code code = Code::kFailedPrecondition;
  if (kind == "CommandNotFound") code = Code::kInvalidArgument;
  if (kind == "DeviceNotFound" || kind == "DeviceNotActive") code = Code::kNotFound;
  const std::string why = error["desc"].text();
  return {code, why.empty() ? "qemu gave no reason" : why};
}

}  // namespace

Result<QmpMessage> parse_qmp(std::string_view line) {
  ASSIGN_OR_RETURN(const json::Value message, in_context("qmp", json::parse(line)));
  if (message["event"].is_string()) {
    const json::Value& stamp = message["timestamp"];
    // QEMU writes -1 where the clock failed; nothing outside these bounds is a time of ours either.
    const std::int64_t seconds = stamp["seconds"].integer();
    const std::int64_t micros = stamp["microseconds"].integer();
    Time at{};
    if (seconds > 0 && seconds < (std::int64_t{1} << 36) && micros >= 0 && micros < 1000000)
      at += std::chrono::seconds{seconds} + std::chrono::microseconds{micros};
    return QmpEvent{message["event"].text(), message["data"], at};
  }
  if (message.has("return"))
    return QmpAnswer{message["id"].integer(), Result<json::Value>(message["return"])};
  if (message["error"].is_object())
    return QmpAnswer{message["id"].integer(), std::unexpected(qmp_error(message["error"]))};
  if (message["QMP"].is_object()) {
    const json::Value& v = message["QMP"]["version"]["qemu"];
    return QmpGreeting{
        std::format("{}.{}.{}", v["major"].integer(), v["minor"].integer(), v["micro"].integer())};
  }
  return data_loss("qmp: neither greeting, answer nor event");
}

Status QmpClient::take(std::string_view line) {
  ASSIGN_OR_RETURN(QmpMessage message, parse_qmp(line));
  if (auto* greeting = std::get_if<QmpGreeting>(&message)) {
    version_ = std::move(greeting->version);
    greeted_ = true;
  } else if (auto* answer = std::get_if<QmpAnswer>(&message)) {
    if (answer->id == 0 && !answer->result)
      return data_loss(std::format("qmp: {}", answer->result.error().message));
    // An answer nobody waits for any more is dropped.
    if (asked_.erase(answer->id) == 1) answers_.emplace(answer->id, std::move(answer->result));
  } else if (on_event) {
    on_event(std::get<QmpEvent>(message));
  }
  changed_.notify();
  return {};
}

io::Task<void> QmpClient::read_all(io::Stream stream) {
  stream_ = &stream;
  for (;;) {
    auto line = co_await stream.read_line(kQmpLineMax);
    Status taken = line ? take(*line) : Status{std::unexpected(line.error())};
    if (taken) continue;
    broken_ = taken.error().message;
    break;
  }
  ready_ = false;
  stream.close();
  // A write still under way refers to the stream; the close above ends it.
  while (writing_ > 0) co_await changed_.wait(std::chrono::seconds{1});
  stream_ = nullptr;
  changed_.notify();
}

io::Task<Status> QmpClient::connect(std::string path, Duration timeout, Band band) {
  const auto deadline = Clock::now() + timeout;
  close();
  while (stream_) co_await changed_.wait(std::chrono::seconds{1});
  auto stream = co_await io::Stream::connect_unix(path);
  if (!stream) co_return unavailable(stream.error().message);
  ++connection_;
  greeted_ = false;
  asked_.clear();
  answers_.clear();
  loop_.spawn(read_all(std::move(*stream)));
  const std::int64_t mine = connection_;
  // The reader starts with the loop's next turn.
  while (!greeted_) {
    if (until(deadline) <= Duration{0}) {
      close();
      co_return fail(Code::kDeadlineExceeded, "qmp: no greeting");
    }
    co_await changed_.wait(until(deadline));
    if (mine != connection_ || (!greeted_ && !stream_))
      co_return unavailable(std::format("qmp: {}", broken_));
  }
  band_ = Band::kIn;
  json::Value abilities;
  if (band == Band::kOut) {
    json::Value::Array enabled;
    enabled.push_back("oob");
    abilities.set("enable", std::move(enabled));
  }
  auto negotiated = co_await execute("qmp_capabilities", std::move(abilities), until(deadline));
  if (!negotiated) {
    close();
    co_return std::unexpected(negotiated.error());
  }
  band_ = band;
  ready_ = true;
  co_return Status{};
}

io::Task<Result<json::Value>> QmpClient::execute(std::string command, json::Value arguments,
                                                 Duration timeout) {
  const auto deadline = Clock::now() + timeout;
  if (!stream_) co_return unavailable(std::format("{}: no connection to qemu", command));
  const std::int64_t id = ++last_id_;
  const std::int64_t mine = connection_;
  json::Value request;
  request.set(band_ == Band::kOut ? "exec-oob" : "execute", command).set("id", id);
  if (arguments.is_object()) request.set("arguments", std::move(arguments));
  asked_.insert(id);
  ++writing_;
  const Status written = co_await stream_->write_all(request.dump() + "\n");
  --writing_;
  if (!written) {
    asked_.erase(id);
    changed_.notify();
    co_return unavailable(std::format("{}: {}", command, written.error().message));
  }
  for (;;) {
    if (const auto it = answers_.find(id); mine == connection_ && it != answers_.end()) {
      Result<json::Value> result = std::move(it->second);
      answers_.erase(it);
      co_return in_context(command, std::move(result));
    }
    if (mine != connection_ || !stream_)
      co_return unavailable(std::format("{}: qemu's connection ended: {}", command, broken_));
    if (until(deadline) <= Duration{0}) {
      asked_.erase(id);
      co_return fail(Code::kDeadlineExceeded, std::format("{}: no answer from qemu", command));
    }
    co_await changed_.wait(until(deadline));
  }
}

void QmpClient::close() {
  ready_ = false;
  if (stream_) stream_->close();
}

}  // namespace godwit::qemu
