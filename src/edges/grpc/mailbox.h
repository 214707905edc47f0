// For tests: a sink that keeps what it is offered, and waiting with a limit instead of sleeping.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edges/grpc/credentials.h"
#include "lib/tls/authority.h"
#include "ports/event_sink.h"
#include "ports/messages.h"

namespace godwit::grpc_edge {

class Mailbox final : public ports::EventSink<ports::Message> {
 public:
  void offer(ports::Message message) override {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    arrived_.notify_all();
  }
  // The next message, or nullopt after the time.
  std::optional<ports::Message> next(std::chrono::milliseconds wait = std::chrono::seconds{10}) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, wait, [this] { return !messages_.empty(); })) return std::nullopt;
    ports::Message message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<ports::Message> messages_;
};

// Lines of a log, and a wait for so many that contain a text.
class Lines {
 public:
  void add(const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
    added_.notify_all();
  }
  bool wait_for(const std::string& text, std::size_t times = 1,
                std::chrono::milliseconds wait = std::chrono::seconds{10}) {
    std::unique_lock lock(mutex_);
    return added_.wait_for(lock, wait, [&] {
      const auto holds = [&](const std::string& line) { return line.contains(text); };
      return static_cast<std::size_t>(std::ranges::count_if(lines_, holds)) >= times;
    });
  }
  std::string all() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string& line : lines_) text += line + "\n";
    return text;
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::vector<std::string> lines_;
};

// A fleet's authority and what it issues.
class Fleet {
 public:
  Credentials credentials(const std::string& node) const {
    return {tls::issue(authority_, NodeId{node}, {}, kValidity).value(), authority_.certificate};
  }

 private:
  static constexpr tls::Validity kValidity{Time{std::chrono::seconds{1600000000}},
                                           Time{std::chrono::seconds{4000000000}}};
  tls::Identity authority_ = tls::make_authority("godwit test", kValidity).value();
};

}  // namespace godwit::grpc_edge
