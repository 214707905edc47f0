// One account in one region: signed calls, paced, tried again while that is sensible.
#pragma once

#include <map>
#include <string>

#include "base/random.h"
#include "edges/ec2/answers.h"
#include "edges/ec2/pacer.h"
#include "edges/ec2/text.h"
#include "lib/http/client.h"
#include "lib/io/loop.h"
#include "lib/sigv4/sigv4.h"

namespace godwit::ec2 {

struct Config {
  http::Address endpoint;
  std::string host = {};  // The Host header; default: the endpoint's.
  std::string region = "us-east-1";
  sigv4::Credentials credentials;
  // Tries of one call in all, and full jitter between them: uniform in [0, min(most, first x 2^n)).
  int tries = 6;
  Duration back_off_first = std::chrono::milliseconds{500};
  Duration back_off_most = std::chrono::seconds{20};
  // An instance that was launched longer ago than this is shown. AWS names no bound; [chosen].
  Duration visible_within = std::chrono::seconds{60};
  // Below AWS's documented buckets of an account: RunInstances 5 and 2/s, others 100 and 20/s.
  std::map<std::string, Bucket> buckets = {{"RunInstances", {5, 2}}};
  Bucket other_bucket = {80, 16};  // Of each other action.
  // Answers of 1,000 instances are about 4 MB; one try may take `idle`.
  http::Limits limits = {.body_bytes = 32u << 20, .idle = std::chrono::seconds{30}};
};

class Client {
 public:
  // `random` outlives this and the loop's last run. One loop, one thread.
  Client(Config config, Random& random) : config_(std::move(config)), random_(random) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const Config& config() const { return config_; }

  // The answer's root element. Each call must be harmless to repeat, as all that the port needs
  // are: Describe, TerminateInstances, and RunInstances with its client token.
  io::Task<Answer<xml::Element>> call(std::string action, Form form);
  // Full jitter before try `next` (1 is the first repetition).
  io::Task<void> back_off(int next);

 private:
  io::Task<Answer<xml::Element>> try_once(const std::string& action, const std::string& body);
  Duration pace(const std::string& action);

  Config config_;
  Random& random_;
  std::map<std::string, Pacer> pacers_;
};

}  // namespace godwit::ec2
